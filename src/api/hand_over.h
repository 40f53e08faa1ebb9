// SPDX-License-Identifier: Apache-2.0
// Where a decoded infer request goes on: on the thread that read it when that takes no longer than
// handing it over, else on one of the service's workers (ADR 15).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "request/requests.h"
#include "serving/service.h"

namespace neso {

// Reading or copying as many bytes takes no longer than handing them to another thread.
constexpr size_t kReadAtOnce = size_t{16} << 10;
// A query: tokenizing it takes a few times as long, but the workers may be busy with long texts.
constexpr size_t kTokenizedAtOnce = 512;
constexpr size_t kTokenizedBriefly = 2048;

enum class HandOver { None, Brief, Long };

inline HandOver hand_over_of(const InferRequest& request) {
  const uint64_t texts = text_bytes(request);
  if (shared_bytes(request) > kReadAtOnce || texts > kTokenizedBriefly) return HandOver::Long;
  return texts > kTokenizedAtOnce ? HandOver::Brief : HandOver::None;
}

inline void hand_over(Service& service, HandOver how, std::function<void()> task) {
  switch (how) {
    case HandOver::None:
      return task();
    case HandOver::Brief:
      return service.post_brief(std::move(task));
    case HandOver::Long:
      return service.post(std::move(task));
  }
}

}  // namespace neso
