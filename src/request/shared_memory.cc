// SPDX-License-Identifier: Apache-2.0
#include "request/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace neso {
namespace {

// Triton's own: its python backend keeps its queues in objects of these names.
constexpr std::string_view kReservedPrefix = "triton_python_backend_shm_region_";

Result<> check_key(const SharedRegionStatus& region) {
  const size_t begin = region.key.find_first_not_of('/');
  if (begin == std::string::npos) {
    return invalid_argument("cannot register shared memory region '{}' - invalid shm key '{}'",
                            region.name, region.key);
  }
  if (std::string_view(region.key).substr(begin).starts_with(kReservedPrefix)) {
    return invalid_argument(
        "cannot register shared memory region '{}' with key '{}' as the key contains the reserved "
        "prefix '{}'",
        region.name, region.key, kReservedPrefix);
  }
  // The system reads the key up to its first zero byte: what it opened would not be what
  // the status shows.
  if (region.key.find('\0') != std::string::npos)
    return invalid_argument("Unable to open shared memory region: '{}'", region.key);
  return {};
}

Error name_taken(std::string_view name) {
  return already_exists("shared memory region '{}' already in manager", name);
}

// The size of the object behind a descriptor, when it is one that has a size.
std::optional<uint64_t> object_size(int descriptor) {
  struct stat facts{};
  if (::fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size < 0)
    return std::nullopt;
  return static_cast<uint64_t>(facts.st_size);
}

Result<> check_range(const SharedRegionStatus& region, int descriptor) {
  const auto size = object_size(descriptor);
  if (!size) return invalid_argument("Invalid shared memory region: '{}'", region.key);
  if (region.offset > *size || region.byte_size > *size - region.offset) {
    return invalid_argument("failed to register shared memory region '{}': invalid args",
                            region.name);
  }
  // Nothing here needs pages, but a client that relies on the refusal by Triton's mmap gets it.
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (region.byte_size == 0 || region.offset % page != 0) {
    return invalid_argument(
        "failed to register shared memory region '{}': unable to process address space{}",
        region.name, std::generic_category().message(EINVAL));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const SharedRegion>> SharedRegion::open(SharedRegionStatus status) {
  NESO_TRY_VOID(check_key(status));
  const int descriptor = ::shm_open(status.key.c_str(), O_RDWR, 0);
  if (descriptor < 0)
    return invalid_argument("Unable to open shared memory region: '{}'", status.key);
  const std::shared_ptr<const SharedRegion> region(new SharedRegion(std::move(status), descriptor));
  NESO_TRY_VOID(check_range(region->status(), descriptor));
  return region;
}

SharedRegion::SharedRegion(SharedRegionStatus status, int descriptor)
    : status_(std::move(status)), descriptor_(descriptor) {}

SharedRegion::~SharedRegion() {
  ::close(descriptor_);
}

Error SharedRegion::cut_short() const {
  return invalid_argument(
      "shared memory region '{}' ends {} bytes into its object '{}', which has only {} bytes now; "
      "register the region again after the object was made smaller",
      status_.name, status_.offset + status_.byte_size, status_.key,
      object_size(descriptor_).value_or(0));
}

Result<> SharedRegion::read(uint64_t offset, std::span<std::byte> out) const {
  NESO_CHECK(offset <= status_.byte_size && out.size() <= status_.byte_size - offset);
  uint64_t position = status_.offset + offset;
  while (!out.empty()) {
    const ssize_t count =
        ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(position));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return internal_error("cannot read shared memory region '{}': {}", status_.name,
                            std::generic_category().message(errno));
    }
    if (count == 0) return cut_short();
    out = out.subspan(static_cast<size_t>(count));
    position += static_cast<uint64_t>(count);
  }
  return {};
}

Result<> SharedRegion::write(uint64_t offset, std::span<const std::byte> content) const {
  NESO_CHECK(offset <= status_.byte_size && content.size() <= status_.byte_size - offset);
  uint64_t position = status_.offset + offset;
  // Writing beyond its end would make an object longer. One that is cut just now grows again, to
  // the size that its client has registered at most.
  if (object_size(descriptor_).value_or(0) < position + content.size()) return cut_short();
  while (!content.empty()) {
    const ssize_t count =
        ::pwrite(descriptor_, content.data(), content.size(), static_cast<off_t>(position));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return internal_error("cannot write into shared memory region '{}': {}", status_.name,
                            std::generic_category().message(errno));
    }
    content = content.subspan(static_cast<size_t>(count));
    position += static_cast<uint64_t>(count);
  }
  return {};
}

Result<std::vector<std::byte>> SharedSlice::read() const {
  std::vector<std::byte> bytes(byte_size);
  NESO_TRY_VOID(region->read(offset, bytes));
  return bytes;
}

Result<> SharedMemoryRegistry::check_clients_may_register() const {
  if (clients_may_register_) return {};
  return unsupported(
      "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to "
      "enable.");
}

Result<> SharedMemoryRegistry::register_region(SharedRegionStatus region) {
  NESO_TRY_VOID(check_clients_may_register());
  const std::string name = region.name;
  MutexLock lock(mutex_);
  if (regions_.contains(name)) return name_taken(name);
  NESO_TRY(auto opened, SharedRegion::open(std::move(region)));
  regions_.emplace(name, std::move(opened));
  return {};
}

Result<> SharedMemoryRegistry::unregister(std::string_view name) {
  NESO_TRY_VOID(check_clients_may_register());
  MutexLock lock(mutex_);
  if (name.empty()) {
    regions_.clear();
  } else if (const auto found = regions_.find(name); found != regions_.end()) {
    regions_.erase(found);
  }
  return {};
}

Result<std::vector<SharedRegionStatus>> SharedMemoryRegistry::status(std::string_view name) const {
  std::vector<SharedRegionStatus> statuses;
  MutexLock lock(mutex_);
  for (const auto& [registered, region] : regions_) {
    if (name.empty() || registered == name) statuses.push_back(region->status());
  }
  if (!name.empty() && statuses.empty())
    return not_found("Unable to find system shared memory region: '{}'", name);
  return statuses;
}

Result<SharedSlice> SharedMemoryRegistry::slice(std::string_view name, uint64_t offset,
                                                uint64_t byte_size) const {
  MutexLock lock(mutex_);
  const auto found = regions_.find(name);
  if (found == regions_.end()) return not_found("Unable to find shared memory region: '{}'", name);
  const uint64_t size = found->second->status().byte_size;
  if (offset >= size)
    return invalid_argument("Invalid offset for shared memory region: '{}'", name);
  // Nothing at offset 0 is what a request without the parameters means: Triton refuses it here,
  // and nothing elsewhere as an input of the wrong size.
  if (byte_size > size - offset || (byte_size == 0 && offset == 0)) {
    return invalid_argument("Invalid offset + byte size for shared memory region: '{}'", name);
  }
  return SharedSlice{found->second, offset, byte_size};
}

bool SharedMemoryRegistry::contains(std::string_view name) const {
  MutexLock lock(mutex_);
  return regions_.contains(name);
}

Result<> SharedMemoryRegistry::register_cuda_region(std::string_view name,
                                                    size_t handle_bytes) const {
  NESO_TRY_VOID(check_clients_may_register());
  constexpr size_t kHandleBytes = 64;  // sizeof(cudaIpcMemHandle_t)
  if (handle_bytes != kHandleBytes)
    return invalid_argument("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t");
  if (contains(name)) return name_taken(name);
  return invalid_argument("failed to register shared memory region: invalid args");
}

Result<> SharedMemoryRegistry::unregister_cuda(std::string_view) const {
  return check_clients_may_register();
}

Result<> SharedMemoryRegistry::check_cuda_status(std::string_view name) const {
  if (name.empty()) return {};
  if (contains(name)) {
    return not_found(
        "The region named '{}' is registered as system shared memory, not CUDA shared memory",
        name);
  }
  return not_found("Unable to find cuda shared memory region: '{}'", name);
}

}  // namespace neso
