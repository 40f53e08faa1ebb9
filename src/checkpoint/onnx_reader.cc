// SPDX-License-Identifier: Apache-2.0
// The wire format is protobuf's: varint keys, length-delimited messages.
#include "checkpoint/onnx_reader.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

namespace neso {
namespace {

constexpr size_t kMaxFileBytes = std::numeric_limits<int32_t>::max();  // protobuf's own limit
constexpr size_t kWindowBytes = 64 * 1024;
constexpr std::string_view kLfsPointer = "version https://git-lfs";

}  // namespace

OnnxReader::OnnxReader(std::shared_ptr<const MappedFile> file, const std::filesystem::path& model)
    : file_(std::move(file)), name_(model.filename().string()), folder_(model.parent_path()) {
  if (folder_.empty()) folder_ = ".";
}

Result<OnnxReader> OnnxReader::open(const std::filesystem::path& model) {
  NESO_TRY(auto file, MappedFile::open(model));
  OnnxReader reader(std::move(file), model);
  const size_t size = reader.whole().length;
  if (size == 0) return invalid_argument("{} is empty; export or copy it again", reader.name());
  if (size > kMaxFileBytes) {
    return invalid_argument(
        "{} has {} bytes, but an ONNX file holds at most {}; export it with external data",
        reader.name(), size, kMaxFileBytes);
  }
  NESO_TRY(const std::string front, reader.text({0, std::min(size, kLfsPointer.size())}));
  if (front == kLfsPointer) {
    return invalid_argument(
        "{} is a Git LFS pointer of {} bytes, not the model; run `git lfs pull`", reader.name(),
        size);
  }
  return reader;
}

Result<> OnnxReader::read_into(size_t offset, std::span<std::byte> out) const {
  return file_->read_into(offset, out);
}

Result<std::string> OnnxReader::text(ByteRange range) const {
  std::string out(range.length, '\0');
  NESO_TRY_VOID(read_into(range.offset, std::as_writable_bytes(std::span(out))));
  return out;
}

Result<ProtoField> OnnxReader::next(size_t& position, size_t end) {
  const size_t start = position;
  NESO_TRY(const uint64_t tag, varint(position, end));
  if (tag > std::numeric_limits<uint32_t>::max() || tag >> 3 == 0) return malformed(start);
  ProtoField field{.number = static_cast<uint32_t>(tag >> 3),
                   .type = static_cast<WireType>(tag & 7),
                   .payload = {position, 0}};
  NESO_TRY_VOID(skip(field, position, end));
  return field;
}

Result<uint64_t> OnnxReader::varint(size_t& position, size_t end) {
  const size_t start = position;
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (position == end) return cut_short(start, position - start + 1, position - start);
    NESO_TRY(const uint8_t byte, this->byte(position));
    ++position;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return malformed(start);
}

// Moves `position` behind a field's payload, which it fills in.
Result<> OnnxReader::skip(ProtoField& field, size_t& position, size_t end) {
  const size_t start = position;
  uint64_t length = 0;
  switch (field.type) {
    case WireType::Varint: {
      NESO_TRY(field.value, varint(position, end));
      field.payload = {start, position - start};
      return {};
    }
    case WireType::Fixed64:
      length = 8;
      break;
    case WireType::Delimited: {
      NESO_TRY(length, varint(position, end));
      break;
    }
    case WireType::Fixed32:
      length = 4;
      break;
    default:
      return malformed(start);
  }
  if (length > end - position) return cut_short(start, length, end - position);
  field.payload = {position, static_cast<size_t>(length)};
  position += field.payload.length;
  return {};
}

// offset < the file's size.
Result<uint8_t> OnnxReader::byte(size_t offset) {
  if (offset < window_begin_ || offset >= window_begin_ + window_.size()) {
    window_.resize(std::min(kWindowBytes, whole().length - offset));
    window_begin_ = offset;
    NESO_TRY_VOID(read_into(offset, window_));
  }
  return static_cast<uint8_t>(window_[offset - window_begin_]);
}

Error OnnxReader::malformed(size_t offset) const {
  return invalid_argument(
      "{} is no ONNX model, or it is damaged: there is no valid field at byte {}; export or copy "
      "it again",
      name_, offset);
}

Error OnnxReader::cut_short(size_t offset, uint64_t wanted, size_t left) const {
  return invalid_argument(
      "{} is no ONNX model, or it was cut short: the field at byte {} needs {} bytes where {} "
      "are left; export or copy it again",
      name_, offset, wanted, left);
}

}  // namespace neso
