// SPDX-License-Identifier: Apache-2.0
#include "net/read_deadline.h"

#include <fmt/format.h>

#include <algorithm>

namespace neso::net {

void ReadDeadline::update(const Progress& progress, Time now) {
  const bool same = progress.awaited == start_.awaited && progress.request == start_.request &&
                    progress.draining == start_.draining;
  const bool spoke = progress.awaited == Awaited::Silence && progress.bytes != start_.bytes;
  if (!same || spoke) restart(progress, now);
}

void ReadDeadline::restart(const Progress& progress, Time now) {
  if (progress.awaited == Awaited::Silence && start_.awaited != Awaited::Silence) {
    silence_end_ = now + kLingerRounds * options_.linger_timeout;
  }
  start_ = progress;
  switch (progress.awaited) {
    case Awaited::Nothing:
      deadline_ = kNever;
      return;
    case Awaited::Request:
      deadline_ = now + options_.idle_timeout;
      return;
    case Awaited::Head:
      deadline_ = now + (progress.draining ? std::min(options_.drain_grace, options_.header_timeout)
                                           : options_.header_timeout);
      return;
    case Awaited::Body:
      deadline_ = now + options_.body_window;
      return;
    case Awaited::Silence:
      deadline_ = std::min(now + options_.linger_timeout, silence_end_);
      return;
  }
}

ReadDeadline::Verdict ReadDeadline::expired(const Progress& progress, Time now) {
  switch (progress.awaited) {
    case Awaited::Body: {
      const auto least =
          options_.min_body_bytes_per_second * options_.body_window / std::chrono::seconds(1);
      if (progress.bytes - start_.bytes < static_cast<size_t>(least)) return Verdict::Refuse;
      restart(progress, now);
      return Verdict::Wait;
    }
    case Awaited::Head:
      return Verdict::Refuse;
    case Awaited::Nothing:
    case Awaited::Request:
    case Awaited::Silence:
      return Verdict::Close;
  }
  return Verdict::Close;
}

Refusal ReadDeadline::refusal() const {
  if (start_.awaited == Awaited::Body) {
    return {408, fmt::format("The request body came slower than {} bytes per second.",
                             options_.min_body_bytes_per_second)};
  }
  return {408, "The request head was not complete in time."};
}

}  // namespace neso::net
