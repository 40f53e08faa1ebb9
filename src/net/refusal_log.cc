// SPDX-License-Identifier: Apache-2.0
#include "net/refusal_log.h"

#include "base/cut_text.h"
#include "base/log.h"

namespace neso::net {

namespace {
constexpr int64_t kMinuteNs = 60'000'000'000;
constexpr size_t kMaxPeers = 1024;
constexpr size_t kMaxWords = 256;
}  // namespace

bool RefusalLog::note(std::string_view server, std::string_view peer, std::string_view status,
                      std::string_view words) {
  const std::string_view address = peer.substr(0, peer.rfind(':'));
  {
    MutexLock lock(mutex_);
    if (const int64_t minute = clock_.now_ns() / kMinuteNs; minute != minute_) {
      minute_ = minute;
      peers_.clear();
    }
    if (peers_.size() >= kMaxPeers) return false;
    if (!peers_.emplace(address).second) return false;
  }
  log_warning(
      "{}: refused a request of {} with {}: {} (further refusals of this address are not logged "
      "for a minute)",
      server, peer, status, cut_text(words, kMaxWords));
  return true;
}

}  // namespace neso::net
