// SPDX-License-Identifier: Apache-2.0
// System shared memory, Triton's extension: ranges of POSIX shared memory objects that clients
// register under a name, for inputs to be read from and outputs to be written into.
//
// Objects are read and written through their descriptor, never mapped. Their other side is a client
// that may cut or change them at any moment: a mapping that was cut ends the process with SIGBUS
// (as does one whose pages the system cannot supply), and looking at the size first leaves a gap;
// a view of foreign memory could change between the check of a token id or a string's length and
// its use. A copy by the system can only fall short, and what was checked is what is computed with.
// It costs what the copy of a binary tensor out of a body costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"

namespace neso {

struct SharedRegionStatus {
  std::string name;
  std::string key;      // of the object, as the client gave it
  uint64_t offset = 0;  // of the region in the object
  uint64_t byte_size = 0;
};

// A registered range. Its object stays open until the last holder lets go. Any thread.
class SharedRegion {
 public:
  // InvalidArgument, in Triton's words, when the object is not there or is too small.
  static Result<std::shared_ptr<const SharedRegion>> open(SharedRegionStatus status);
  ~SharedRegion();
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  const SharedRegionStatus& status() const { return status_; }

  // `offset` counts from the region's begin; the range must lie inside the region. InvalidArgument
  // when the client has cut the object meanwhile.
  Result<> read(uint64_t offset, std::span<std::byte> out) const;
  Result<> write(uint64_t offset, std::span<const std::byte> content) const;

 private:
  SharedRegion(SharedRegionStatus status, int descriptor);
  Error cut_short() const;
  const SharedRegionStatus status_;
  const int descriptor_;
};

// A range of a region that a request names.
struct SharedSlice {
  std::shared_ptr<const SharedRegion> region;
  uint64_t offset = 0;
  uint64_t byte_size = 0;

  Result<std::vector<std::byte>> read() const;
};

// The regions by name. Any thread.
class SharedMemoryRegistry {
 public:
  // `clients_may_register`: --allow-client-shm.
  explicit SharedMemoryRegistry(bool clients_may_register)
      : clients_may_register_(clients_may_register) {}

  Result<> register_region(SharedRegionStatus region) EXCLUDES(mutex_);
  // An empty name: all of them. Requests that use a region keep it until they are done; an unknown
  // name is no error.
  Result<> unregister(std::string_view name) EXCLUDES(mutex_);
  // An empty name: all of them, by name. NotFound for an unknown one.
  Result<std::vector<SharedRegionStatus>> status(std::string_view name) const EXCLUDES(mutex_);
  // NotFound, or InvalidArgument when the range is not inside the region.
  Result<SharedSlice> slice(std::string_view name, uint64_t offset, uint64_t byte_size) const
      EXCLUDES(mutex_);

  // GPU memory, in the words of a Triton that finds no GPU: nothing is ever registered.
  // `handle_bytes`: of the CUDA handle that the client sent.
  Result<> register_cuda_region(std::string_view name, size_t handle_bytes) const EXCLUDES(mutex_);
  Result<> unregister_cuda(std::string_view name) const;
  // Passes for the empty name, which is all of none.
  Result<> check_cuda_status(std::string_view name) const EXCLUDES(mutex_);

 private:
  Result<> check_clients_may_register() const;
  bool contains(std::string_view name) const EXCLUDES(mutex_);
  const bool clients_may_register_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<const SharedRegion>, std::less<>> regions_
      GUARDED_BY(mutex_);
};

}  // namespace neso
