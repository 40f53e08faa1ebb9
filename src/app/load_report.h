// SPDX-License-Identifier: Apache-2.0
// How `neso bench --url` prints and draws its steps.
#pragma once

#include <string>
#include <vector>

#include "load/ramp.h"
#include "load/step.h"

namespace neso {

// What is said of every step alike.
struct LoadSubject {
  std::string url;
  std::string api;
  std::string model;
  std::string server;  // its program, when it runs on this machine; empty otherwise
  int pid = 0;
  size_t rows = 1;  // per request
  bool binary = false;
};

std::string load_title(const LoadSubject& subject, size_t different_requests);
std::string load_table_head();
std::string load_table_line(const LoadSubject& subject, const load::StepFigures& step);
std::string load_json_line(const LoadSubject& subject, const load::StepFigures& step);

std::string knee_line(const load::Ramp& ramp, load::Loop loop);
std::string knee_json_line(const load::Ramp& ramp, load::Loop loop);

// Milliseconds and requests per second over the concurrency or the rate.
std::string draw_load_plot(const LoadSubject& subject, const std::vector<load::StepFigures>& steps);

// "12 timeout (no answer came in time), 3 status 503 (...)"; empty without errors.
std::string errors_text(const load::Tally& tally);

}  // namespace neso
