// SPDX-License-Identifier: Apache-2.0
// A client's shared memory object for tests; gone with it.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"

namespace neso {

class ClientMemory {
 public:
  explicit ClientMemory(size_t size) {
    static std::atomic<int> counter = 0;
    key_ = fmt::format("/neso_test_{}_{}", ::getpid(), ++counter);
    descriptor_ = ::shm_open(key_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    NESO_CHECK(descriptor_ >= 0);
    resize(size);
  }
  ~ClientMemory() {
    ::close(descriptor_);
    ::shm_unlink(key_.c_str());
  }
  ClientMemory(const ClientMemory&) = delete;
  ClientMemory& operator=(const ClientMemory&) = delete;

  const std::string& key() const { return key_; }
  void resize(size_t size) { NESO_CHECK(::ftruncate(descriptor_, static_cast<off_t>(size)) == 0); }
  size_t size() const { return static_cast<size_t>(::lseek(descriptor_, 0, SEEK_END)); }

  template <typename T>
  void write(size_t offset, const std::vector<T>& values) {
    const size_t bytes = values.size() * sizeof(T);
    NESO_CHECK(::pwrite(descriptor_, values.data(), bytes, static_cast<off_t>(offset)) ==
               static_cast<ssize_t>(bytes));
  }
  template <typename T>
  std::vector<T> read(size_t offset, size_t count) const {
    std::vector<T> values(count);
    NESO_CHECK(::pread(descriptor_, values.data(), count * sizeof(T), static_cast<off_t>(offset)) ==
               static_cast<ssize_t>(count * sizeof(T)));
    return values;
  }

 private:
  std::string key_;
  int descriptor_ = -1;
};

}  // namespace neso
