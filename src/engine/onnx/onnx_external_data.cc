// SPDX-License-Identifier: Apache-2.0
// Field numbers are those of onnx.proto; the wire format is protobuf's (varint keys,
// length-delimited messages).
#include "engine/onnx/onnx_external_data.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace neso {
namespace {

constexpr size_t kMaxFileBytes = std::numeric_limits<int32_t>::max();  // protobuf's own limit
constexpr int kMaxDepth = 100;  // protobuf's own limit, in messages
constexpr size_t kMaxLocationBytes = 4096;
constexpr size_t kWindowBytes = 64 * 1024;
constexpr std::string_view kLfsPointer = "version https://git-lfs";
constexpr std::string_view kMemoryMarker =
    "_ORT_MEM_ADDR_";  // ONNX Runtime takes the offset for an address then

// The messages on the way from a model to its tensors.
enum class Kind { Model, Training, Function, Graph, Node, Attribute, SparseTensor, Tensor, Entry };

struct Child {
  Kind parent;
  uint32_t field;
  Kind kind;
};
constexpr std::array kChildren = {
    Child{Kind::Model, 7, Kind::Graph},
    Child{Kind::Model, 20, Kind::Training},
    Child{Kind::Model, 25, Kind::Function},
    Child{Kind::Training, 1, Kind::Graph},
    Child{Kind::Training, 2, Kind::Graph},
    Child{Kind::Function, 7, Kind::Node},
    Child{Kind::Function, 11, Kind::Attribute},
    Child{Kind::Graph, 1, Kind::Node},
    Child{Kind::Graph, 5, Kind::Tensor},
    Child{Kind::Graph, 15, Kind::SparseTensor},
    Child{Kind::Node, 5, Kind::Attribute},
    Child{Kind::Attribute, 5, Kind::Tensor},
    Child{Kind::Attribute, 6, Kind::Graph},
    Child{Kind::Attribute, 10, Kind::Tensor},
    Child{Kind::Attribute, 11, Kind::Graph},
    Child{Kind::Attribute, 22, Kind::SparseTensor},
    Child{Kind::Attribute, 23, Kind::SparseTensor},
    Child{Kind::SparseTensor, 1, Kind::Tensor},
    Child{Kind::SparseTensor, 2, Kind::Tensor},
    Child{Kind::Tensor, 13, Kind::Entry},
};

std::optional<Kind> child_of(Kind parent, uint32_t field) {
  for (const Child& child : kChildren) {
    if (child.parent == parent && child.field == field) return child.kind;
  }
  return std::nullopt;
}

// Bytes of the file by offset, copied window by window: a file that shrinks meanwhile is an error,
// not a signal.
class Reader {
 public:
  explicit Reader(const MappedFile& file) : file_(file) {}
  size_t size() const { return file_.bytes().size(); }

  // offset < size().
  Result<uint8_t> byte(size_t offset) {
    if (offset < window_begin_ || offset >= window_begin_ + window_.size()) {
      window_.resize(std::min(kWindowBytes, size() - offset));
      window_begin_ = offset;
      NESO_TRY_VOID(file_.read_into(offset, window_));
    }
    return static_cast<uint8_t>(window_[offset - window_begin_]);
  }

  // offset + length <= size().
  Result<std::string> text(size_t offset, size_t length) {
    std::string out(length, '\0');
    NESO_TRY_VOID(file_.read_into(offset, std::as_writable_bytes(std::span(out))));
    return out;
  }

 private:
  const MappedFile& file_;
  std::vector<std::byte> window_;
  size_t window_begin_ = 0;
};

class Walker {
 public:
  Walker(const MappedFile& file, const std::filesystem::path& model)
      : reader_(file), name_(model.filename().string()), folder_(model.parent_path()) {
    if (folder_.empty()) folder_ = ".";
  }

  Result<> walk() {
    NESO_TRY_VOID(message(Kind::Model, 0, reader_.size(), 0));
    if (!has_graph_)
      return invalid_argument("{} is no ONNX model, or it was cut short: it holds no graph", name_);
    return {};
  }

  // Of the files that the model names, after walk().
  uint64_t external_bytes() const { return external_bytes_; }

 private:
  struct Range {
    size_t offset = 0;
    size_t length = 0;
  };

  Error malformed(size_t offset) const {
    return invalid_argument(
        "{} is no ONNX model, or it is damaged: there is no valid field at byte {}; export or copy "
        "it again",
        name_, offset);
  }

  Result<> message(Kind kind, size_t position, size_t end, int depth) {
    if (depth > kMaxDepth) {
      return invalid_argument(
          "{} nests messages more than {} deep, which ONNX Runtime does not read", name_,
          kMaxDepth);
    }
    Range key;
    Range value;  // of an Entry; a repeated one replaces the former, as in protobuf
    while (position < end) {
      const size_t start = position;
      NESO_TRY(const uint64_t tag, varint(position, end));
      if (tag > std::numeric_limits<uint32_t>::max() || tag >> 3 == 0) return malformed(start);
      const auto field = static_cast<uint32_t>(tag >> 3);
      NESO_TRY(const Range payload, skip(tag & 7, position, end));
      if ((tag & 7) != kDelimited) continue;
      if (kind == Kind::Model && field == 7) has_graph_ = true;
      if (kind == Kind::Entry && field == 1) key = payload;
      if (kind == Kind::Entry && field == 2) value = payload;
      if (const auto child = child_of(kind, field)) {
        NESO_TRY_VOID(message(*child, payload.offset, payload.offset + payload.length, depth + 1));
      }
    }
    return kind == Kind::Entry ? entry(key, value) : Result<>();
  }

  Result<uint64_t> varint(size_t& position, size_t end) {
    const size_t start = position;
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (position == end) return cut_short(start, position - start + 1, position - start);
      NESO_TRY(const uint8_t byte, reader_.byte(position));
      ++position;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return malformed(start);
  }

  // Moves `position` behind a field's payload, which it answers.
  Result<Range> skip(uint64_t wire_type, size_t& position, size_t end) {
    const size_t start = position;
    uint64_t length = 0;
    switch (wire_type) {
      case 0: {
        NESO_TRY_VOID(varint(position, end));
        return Range{start, position - start};
      }
      case 1:
        length = 8;
        break;
      case kDelimited: {
        NESO_TRY(length, varint(position, end));
        break;
      }
      case 5:
        length = 4;
        break;
      default:
        return malformed(start);
    }
    if (length > end - position) return cut_short(start, length, end - position);
    const Range payload{position, static_cast<size_t>(length)};
    position += payload.length;
    return payload;
  }

  Error cut_short(size_t offset, uint64_t wanted, size_t left) const {
    return invalid_argument(
        "{} is no ONNX model, or it was cut short: the field at byte {} needs {} bytes where {} "
        "are left; export or copy it again",
        name_, offset, wanted, left);
  }

  // One key and value about an external tensor.
  Result<> entry(Range key, Range value) {
    constexpr std::string_view kLocation = "location";
    if (key.length != kLocation.size()) return {};
    NESO_TRY(const std::string key_text, reader_.text(key.offset, key.length));
    if (key_text != kLocation) return {};
    if (value.length > kMaxLocationBytes) {
      return invalid_argument(
          "{} keeps weights in a file whose name has {} bytes; at most {} are allowed", name_,
          value.length, kMaxLocationBytes);
    }
    NESO_TRY(std::string location, reader_.text(value.offset, value.length));
    if (accepted_.contains(location)) return {};
    NESO_TRY_VOID(check_location(location));
    std::error_code error;
    const uint64_t bytes = std::filesystem::file_size(folder_ / location, error);
    if (!error) external_bytes_ += bytes;
    accepted_.insert(std::move(location));
    return {};
  }

  Result<> check_location(const std::string& location) const {
    const std::filesystem::path relative(location);
    const bool climbs =
        std::ranges::any_of(relative, [](const auto& part) { return part == ".."; });
    if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() ||
        climbs || location.find(kMemoryMarker) != std::string::npos) {
      return invalid_argument(
          "{} keeps weights in '{}', which is not allowed: external data must be a file in the "
          "model's own folder, named without a leading '/' and without '..'",
          name_, location);
    }
    std::error_code error;
    const auto type = std::filesystem::status(folder_ / relative, error).type();
    if (type == std::filesystem::file_type::not_found) {
      return not_found(
          "{} keeps weights in '{}', which is not in its folder; copy that file beside it", name_,
          location);
    }
    if (type != std::filesystem::file_type::regular) {
      return invalid_argument("{} keeps weights in '{}', which is not a regular file", name_,
                              location);
    }
    if (!is_inside(folder_, folder_ / relative)) {
      return invalid_argument(
          "{} keeps weights in '{}', which is a link that leads out of the model's folder; put the "
          "file itself there",
          name_, location);
    }
    return {};
  }

  static constexpr uint64_t kDelimited = 2;
  Reader reader_;
  std::string name_;
  std::filesystem::path folder_;
  std::set<std::string> accepted_;
  uint64_t external_bytes_ = 0;
  bool has_graph_ = false;
};

}  // namespace

Result<uint64_t> measure_onnx_file(const std::filesystem::path& model) {
  NESO_TRY(const auto file, MappedFile::open(model));
  const size_t size = file->bytes().size();
  const std::string name = model.filename().string();
  if (size == 0) return invalid_argument("{} is empty; export or copy it again", name);
  if (size > kMaxFileBytes) {
    return invalid_argument(
        "{} has {} bytes, but an ONNX file holds at most {}; export it with external data", name,
        size, kMaxFileBytes);
  }
  std::string front(std::min(size, kLfsPointer.size()), '\0');
  NESO_TRY_VOID(file->read_into(0, std::as_writable_bytes(std::span(front))));
  if (front == kLfsPointer) {
    return invalid_argument(
        "{} is a Git LFS pointer of {} bytes, not the model; run `git lfs pull`", name, size);
  }
  Walker walker(*file, model);
  NESO_TRY_VOID(walker.walk());
  return size + walker.external_bytes();
}

Result<> check_onnx_file(const std::filesystem::path& model) {
  NESO_TRY_VOID(measure_onnx_file(model));
  return {};
}

}  // namespace neso
