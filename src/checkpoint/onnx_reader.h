// SPDX-License-Identifier: Apache-2.0
// The bytes of an ONNX file as the fields of protobuf messages. Bytes are copied window by window,
// never read through a mapping: a file that shrinks meanwhile is an error, not a signal. Every
// error is a sentence that names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/result.h"

namespace neso {

struct ByteRange {
  size_t offset = 0;
  size_t length = 0;
  size_t end() const { return offset + length; }
};

enum class WireType { Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5 };

struct ProtoField {
  uint32_t number = 0;
  WireType type = WireType::Varint;
  uint64_t value = 0;  // of a varint
  ByteRange payload;   // in the file
};

// One thread at a time.
class OnnxReader {
 public:
  // NotFound when the file is not there. Refuses one that is empty, larger than protobuf allows or
  // a Git LFS pointer.
  static Result<OnnxReader> open(const std::filesystem::path& model);

  const std::string& name() const { return name_; }  // of the file, for people
  const std::filesystem::path& path() const { return file_->path(); }
  const std::filesystem::path& folder() const { return folder_; }
  ByteRange whole() const { return {0, file_->bytes().size()}; }

  // Calls take(field), a Result<>, for each field of a message. A message lies within the file.
  template <typename Take>
  Result<> for_each_field(ByteRange message, Take take) {
    size_t position = message.offset;
    while (position < message.end()) {
      NESO_TRY(const ProtoField field, next(position, message.end()));
      NESO_TRY_VOID(take(field));
    }
    return {};
  }

  // Moves `position` behind the varint there.
  Result<uint64_t> varint(size_t& position, size_t end);
  // The range lies within the file.
  Result<std::string> text(ByteRange range) const;
  Result<> read_into(size_t offset, std::span<std::byte> out) const;

  Error malformed(size_t offset) const;

 private:
  explicit OnnxReader(std::shared_ptr<const MappedFile> file, const std::filesystem::path& model);
  Result<ProtoField> next(size_t& position, size_t end);
  Result<> skip(ProtoField& field, size_t& position, size_t end);
  Result<uint8_t> byte(size_t offset);
  Error cut_short(size_t offset, uint64_t wanted, size_t left) const;

  std::shared_ptr<const MappedFile> file_;
  std::string name_;
  std::filesystem::path folder_;
  std::vector<std::byte> window_;
  size_t window_begin_ = 0;
};

}  // namespace neso
