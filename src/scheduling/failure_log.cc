// SPDX-License-Identifier: Apache-2.0
#include "scheduling/failure_log.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"

namespace neso {
namespace {

constexpr int64_t kQuietNs = 60'000'000'000;

}  // namespace

FailureLog::FailureLog(std::string model, const Clock& clock,
                       std::function<void(const std::string&)> write)
    : model_(std::move(model)), clock_(clock), write_(std::move(write)) {}

void FailureLog::log_as_error(const std::string& sentence) {
  log_error("{}", sentence);
}

void FailureLog::failed(size_t requests, const Error& error) {
  if (error.code != ErrorCode::Internal) return;
  std::string left_out;
  {
    MutexLock lock(mutex_);
    const int64_t now = clock_.now_ns();
    if (written_ns_ && now - *written_ns_ < kQuietNs) {
      ++left_out_;
      return;
    }
    written_ns_ = now;
    if (left_out_ > 0) {
      left_out =
          fmt::format(" ({} more failed since the last such line)", std::exchange(left_out_, 0));
    }
  }
  write_(fmt::format("model '{}': a batch of {} failed: {}{}", model_, requests, error.message,
                     left_out));
}

}  // namespace neso
