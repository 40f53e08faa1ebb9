// SPDX-License-Identifier: Apache-2.0
// The examination of `neso doctor`: a model is loaded as the server would load it, in every
// precision, tried with the probe texts, and timed beside what this machine can do at best.
#pragma once

#include <string>

#include "app/doctor_report.h"
#include "model/loading/engine_loader.h"
#include "model/loading/model_files.h"

namespace neso {

struct ExamOptions {
  EngineOptions engine;
  double seconds = 1;  // of timing, for each precision and length, at least
};

// Whatever is wrong is among the report's problems.
DoctorReport examine(const ModelSource& source, const ExamOptions& options);

}  // namespace neso
