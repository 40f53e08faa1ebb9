// SPDX-License-Identifier: Apache-2.0
// A file that holds weights, and how it looked when it was opened. Elements are read with pread
// into the caller's memory, never through the mapping, so a file that shrinks under us is an error
// and not a SIGBUS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/file.h"
#include "base/result.h"
#include "checkpoint/weight_store.h"

namespace neso {

// Immutable; any thread.
class WeightFile {
 public:
  // NotFound when it is not there.
  static Result<WeightFile> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  uint64_t size() const { return file_->bytes().size(); }

  // The range lies within the file as it was opened, so that a failure is not the caller's.
  Result<> read(uint64_t offset, std::span<std::byte> out) const;

  // The elements from `offset` on as fp32. Unsupported when they are no floats.
  Result<> read_fp32(const WeightInfo& info, uint64_t offset, std::span<float> out) const;

  // Internal when somebody wrote to the file since open(): what was read may be a mixture of old
  // and new.
  Result<> check_unchanged() const;

 private:
  WeightFile(std::shared_ptr<const MappedFile> file, std::filesystem::file_time_type written);

  std::shared_ptr<const MappedFile> file_;
  std::filesystem::file_time_type written_;
};

}  // namespace neso
