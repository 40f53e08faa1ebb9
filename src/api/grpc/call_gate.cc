// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/call_gate.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "api/grpc/grpc_status.h"
#include "base/contain.h"
#include "base/secret.h"

namespace neso::grpc_api {
namespace {

constexpr std::string_view kKeyPrefix = "triton-grpc-protocol-";

}  // namespace

Result<> CallGate::admit(std::string_view group,
                         const ::grpc::CallbackServerContext& context) const {
  if (restricted_.empty()) return {};
  const auto restriction = restricted_.find(group);
  if (restriction == restricted_.end()) return {};
  const auto& [key, value] = restriction->second;
  const std::string name = fmt::format("{}{}", kKeyPrefix, key);
  const auto [first, last] = context.client_metadata().equal_range(name);
  // Sent twice, with one wrong value, is refused: nobody can tell which was meant.
  const bool all_right = first != last && std::all_of(first, last, [&](const auto& sent) {
                           return same_secret({sent.second.data(), sent.second.size()}, value);
                         });
  if (all_right) return {};
  return not_ready("This protocol is restricted, expecting header '{}'", name);
}

::grpc::Status CallGate::refuse(std::string_view peer, const Error& error) {
  if (errors_) errors_->count(error_reason(error.code));
  ::grpc::Status status = to_status(error);
  if (error.code == ErrorCode::Cancelled) return status;  // whoever leaves did nothing wrong
  contain("a refusal's line in the log", [&] {
    refusals_.note("GRPCInferenceService", peer,
                   fmt::format("status {}", static_cast<int>(status.error_code())),
                   status.error_message());
  });
  return status;
}

void CallGate::opened(const std::shared_ptr<OpenStream>& stream) {
  {
    MutexLock lock(mutex_);
    streams_.emplace(stream.get(), stream);
    if (!stopping_) return;
  }
  stream->close_soon();
}

void CallGate::closed(const OpenStream& stream) {
  MutexLock lock(mutex_);
  streams_.erase(&stream);
}

void CallGate::stop_accepting() {
  std::vector<std::shared_ptr<OpenStream>> open;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const auto& stream : streams_ | std::views::values) open.push_back(stream.lock());
  }
  for (const auto& stream : open) {
    if (stream) stream->close_soon();
  }
}

}  // namespace neso::grpc_api
