// SPDX-License-Identifier: Apache-2.0
// Looks for the knee of a server: how far the load can grow before more of it only makes requests
// wait. Pure: it says which step to run next and is told how it went.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace neso::load {

enum class Loop { Closed, Open };  // what grows: the concurrency, or the rate

struct RampStep {
  double load = 0;       // concurrency, or rate
  double due_per_s = 0;  // of a rate: requests that were due, which chance makes more or fewer
  double requests_per_s = 0;
  double p99_ms = 0;
  double error_share = 0;
};

struct RampLimits {
  double p99_ms = 0;  // 0: none
  double error_share = 0.01;
  double least_growth = 0.05;      // a doubled concurrency that brings less is of no use
  double least_kept_share = 0.95;  // of a rate: less than that was answered, so it is too high
  double most_load = 4096;
};

// Doubles the load until a step is beyond the knee. A rate is then narrowed down between the last
// step that was well and the first that was not.
class Ramp {
 public:
  Ramp(Loop loop, double first_load, const RampLimits& limits);

  // Of the step to run; nullopt when the knee is known.
  std::optional<double> next() const { return next_; }
  void add(const RampStep& step);

  // Concurrency: the least one that comes within `least_growth` of the best throughput. Rate: the
  // highest one that was kept up with. Nullopt when even the first step was beyond the limits.
  std::optional<RampStep> knee() const;
  // Why the ramp ended, as a clause: "p99 passed 50 ms at 16".
  const std::string& reason() const { return reason_; }

 private:
  std::string fault_of(const RampStep& step) const;  // empty: none
  void add_closed(const RampStep& step, std::string fault);
  void add_open(const RampStep& step, std::string fault);

  const Loop loop_;
  const RampLimits limits_;
  std::optional<double> next_;
  std::vector<RampStep> good_;
  double too_high_ = 0;  // the lowest rate that was; 0: none yet
  size_t narrowings_ = 0;
  std::string reason_;
};

}  // namespace neso::load
