// SPDX-License-Identifier: Apache-2.0
// neso_request_errors_total: the requests that one front end refused, or answered with an error, by
// reason. Each is counted once, where its answer goes out. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/metrics.h"

namespace neso {

enum class RequestErrorReason {
  InvalidArgument,
  NotFound,
  Forbidden,
  TooLarge,
  Unsupported,
  TimedOut,
  Unavailable,
  Cancelled,
  Internal
};

class RequestErrors {
 public:
  // `api` is the front end's name: "http".
  RequestErrors(MetricRegistry& metrics, std::string_view api) {
    for (size_t i = 0; i < kNames.size(); ++i) {
      series_[i] = metrics.series("neso_request_errors_total", MetricKind::Counter,
                                  "Requests that were refused or answered with an error",
                                  {{"api", std::string(api)}, {"reason", std::string(kNames[i])}});
    }
  }

  void count(RequestErrorReason reason) const { series_[static_cast<size_t>(reason)]->add(1); }

 private:
  // In the order of the reasons.
  static constexpr std::array<std::string_view, 9> kNames = {
      "invalid_argument", "not_found",   "forbidden", "too_large", "unsupported",
      "timed_out",        "unavailable", "cancelled", "internal"};
  std::array<std::shared_ptr<Metric>, kNames.size()> series_;
};

}  // namespace neso
