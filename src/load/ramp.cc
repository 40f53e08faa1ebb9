// SPDX-License-Identifier: Apache-2.0
#include "load/ramp.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace neso::load {
namespace {
constexpr size_t kNarrowings = 3;  // of a doubling: leaves a step of 2^(1/8), 9 %
}  // namespace

Ramp::Ramp(Loop loop, double first_load, const RampLimits& limits)
    : loop_(loop), limits_(limits), next_(first_load) {}

std::string Ramp::fault_of(const RampStep& step) const {
  if (step.error_share > limits_.error_share)
    return fmt::format("{:.1f} % of the requests failed at {:g}", step.error_share * 100,
                       step.load);
  if (limits_.p99_ms > 0 && step.p99_ms > limits_.p99_ms)
    return fmt::format("p99 passed {:g} ms at {:g}", limits_.p99_ms, step.load);
  if (loop_ == Loop::Open && step.requests_per_s < limits_.least_kept_share * step.due_per_s)
    return fmt::format("{:.0f} % of {:g} requests/s were answered in time",
                       step.requests_per_s / step.due_per_s * 100, step.load);
  return {};
}

void Ramp::add(const RampStep& step) {
  next_.reset();
  std::string fault = fault_of(step);
  loop_ == Loop::Closed ? add_closed(step, std::move(fault)) : add_open(step, std::move(fault));
}

void Ramp::add_closed(const RampStep& step, std::string fault) {
  if (!fault.empty()) {
    reason_ = std::move(fault);
    return;
  }
  const double best = good_.empty() ? 0 : good_.back().requests_per_s;
  good_.push_back(step);
  if (step.requests_per_s < best * (1 + limits_.least_growth)) {
    reason_ = fmt::format("throughput stopped growing at {:g}", step.load);
  } else if (step.load * 2 > limits_.most_load) {
    reason_ =
        fmt::format("throughput was still growing at {:g}, the most that is tried", step.load);
  } else {
    next_ = step.load * 2;
  }
}

void Ramp::add_open(const RampStep& step, std::string fault) {
  if (fault.empty()) {
    good_.push_back(step);
  } else {
    too_high_ = step.load;
    reason_ = std::move(fault);
  }
  if (good_.empty()) return;
  const double low = good_.back().load;
  if (too_high_ == 0 && low * 2 > limits_.most_load) {
    reason_ = fmt::format("the server kept up with {:g}, the most that is tried", low);
  } else if (too_high_ == 0) {
    next_ = low * 2;
  } else if (narrowings_ < kNarrowings) {
    ++narrowings_;
    next_ = std::round(std::sqrt(low * too_high_) * 10) / 10;
  }
}

std::optional<RampStep> Ramp::knee() const {
  if (good_.empty()) return std::nullopt;
  if (loop_ == Loop::Open) return good_.back();
  const double best = std::ranges::max(good_, {}, &RampStep::requests_per_s).requests_per_s;
  return *std::ranges::find_if(good_, [&](const RampStep& step) {
    return step.requests_per_s * (1 + limits_.least_growth) >= best;
  });
}

}  // namespace neso::load
