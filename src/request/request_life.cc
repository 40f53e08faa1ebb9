// SPDX-License-Identifier: Apache-2.0
#include "request/request_life.h"

#include "base/error.h"

namespace neso {

Result<> RequestLife::still_wanted() const {
  if (gone && gone->load()) return cancelled("the client went away before the request ran");
  if (deadline_ns && clock->now_ns() >= *deadline_ns)
    return deadline_exceeded("Request timeout expired");
  return {};
}

Result<> RequestLife::hold(uint64_t bytes) const {
  if (!memory || memory->resize(bytes)) return {};
  return memory->refusal(bytes);
}

bool ends_request(const Error& error) {
  return error.code == ErrorCode::Cancelled || error.code == ErrorCode::DeadlineExceeded ||
         error.code == ErrorCode::Overloaded;
}

Result<WorkMemory> WorkMemory::take(const RequestLife& life, uint64_t bytes) {
  WorkMemory work;
  if (!life.memory || bytes == 0) return work;
  NESO_TRY_VOID(life.hold(life.memory->bytes() + bytes));
  work.taken_ = {life.memory.get(), Shrink{bytes}};
  return work;
}

}  // namespace neso
