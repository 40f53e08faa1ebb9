// SPDX-License-Identifier: Apache-2.0
// The header goes through the streaming parser: a hostile 100 MB of nested or repeated JSON is
// refused at the first value that is out of place, without a tree in memory.
#include "checkpoint/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "checkpoint/in_quotes.h"

namespace neso {

namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr uint64_t kLengthOfPointerFile =
    0x206e6f6973726576;  // "version ", how a Git LFS pointer begins
constexpr size_t kMaxRank = 32;
constexpr std::string_view kMetadata = "__metadata__";

struct StoredType {
  std::string_view name;
  uint32_t bits;
  DType dtype;  // Bytes: we cannot read it, but its size is known
};

constexpr StoredType kStoredTypes[] = {
    {"F64", 64, DType::Fp64},         {"F32", 32, DType::Fp32},
    {"F16", 16, DType::Fp16},         {"BF16", 16, DType::Bf16},
    {"I64", 64, DType::Int64},        {"I32", 32, DType::Int32},
    {"I16", 16, DType::Int16},        {"I8", 8, DType::Int8},
    {"U64", 64, DType::Uint64},       {"U32", 32, DType::Uint32},
    {"U16", 16, DType::Uint16},       {"U8", 8, DType::Uint8},
    {"BOOL", 8, DType::Bool},         {"C64", 64, DType::Bytes},
    {"F8_E4M3", 8, DType::Bytes},     {"F8_E5M2", 8, DType::Bytes},
    {"F8_E8M0", 8, DType::Bytes},     {"F8_E4M3FNUZ", 8, DType::Bytes},
    {"F8_E5M2FNUZ", 8, DType::Bytes}, {"F6_E2M3", 6, DType::Bytes},
    {"F6_E3M2", 6, DType::Bytes},     {"F4", 4, DType::Bytes},
};

const StoredType* find_type(std::string_view name) {
  const auto* const found = std::ranges::find(kStoredTypes, name, &StoredType::name);
  return found == std::end(kStoredTypes) ? nullptr : found;
}

// Bytes of a dense tensor; nullopt when they leave 63 bits or a sub-byte type does not fill its
// last byte.
std::optional<uint64_t> tensor_bytes(std::span<const int64_t> shape, uint32_t bits) {
  const std::optional<int64_t> count = element_count(shape);
  if (!count) return std::nullopt;
  const auto elements = static_cast<uint64_t>(*count);
  if (elements > std::numeric_limits<int64_t>::max() / bits) return std::nullopt;
  if (elements * bits % 8 != 0) return std::nullopt;
  return elements * bits / 8;
}

// Consumes {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...,
// "__metadata__": {"k": "v"}}.
class HeaderReader final : public JsonHandler {
 public:
  HeaderReader(uint64_t data_offset, uint64_t data_size)
      : data_offset_(data_offset), data_size_(data_size) {}

  std::vector<SafetensorsEntry> take_entries() && { return std::move(entries_); }

  Result<> null() override { return misplaced("null"); }
  Result<> boolean(bool) override { return misplaced("a boolean"); }
  Result<> number(double, std::string_view) override {
    return misplaced("a number that is no 63-bit integer");
  }
  Result<> large_unsigned(uint64_t) override {
    return misplaced("a number that is no 63-bit integer");
  }

  Result<> integer(int64_t value) override {
    if (place_ != Place::Shape && place_ != Place::Offsets) return misplaced("a number");
    if (value < 0) return misplaced("a negative number");
    std::vector<int64_t>& list = place_ == Place::Shape ? shape_ : offsets_;
    const size_t limit = place_ == Place::Shape ? kMaxRank : 2;
    if (list.size() == limit) {
      return invalid_argument("tensor {}: \"{}\" has more than {} numbers", in_quotes(tensor_),
                              field_, limit);
    }
    list.push_back(value);
    return {};
  }

  Result<> string(std::string_view value) override {
    if (place_ == Place::Metadata) return {};
    if (place_ != Place::Tensor || field_ != "dtype") return misplaced("a string");
    type_ = find_type(value);
    if (type_ == nullptr)
      return unsupported("tensor {} has the unknown dtype {}", in_quotes(tensor_),
                         in_quotes(value));
    return {};
  }

  Result<> begin_object() override {
    if (place_ == Place::Start) {
      place_ = Place::Top;
    } else if (place_ == Place::Top && tensor_ == kMetadata) {
      place_ = Place::Metadata;
    } else if (place_ == Place::Top) {
      place_ = Place::Tensor;
      type_ = nullptr;
      shape_.clear();
      offsets_.clear();
      fields_seen_.clear();
    } else {
      return misplaced("an object");
    }
    return {};
  }

  Result<> key(std::string_view name) override {
    switch (place_) {
      case Place::Top:
        tensor_ = name;
        if (name == kMetadata && std::exchange(metadata_seen_, true)) {
          return invalid_argument("the key \"{}\" is there twice", kMetadata);
        }
        return {};
      case Place::Metadata:
        if (!metadata_keys_.emplace(name).second) {
          return invalid_argument("the key {} is there twice in \"{}\"", in_quotes(name),
                                  kMetadata);
        }
        return {};
      default:
        return tensor_key(name);
    }
  }

  Result<> end_object() override {
    if (place_ == Place::Tensor) NESO_TRY_VOID(finish_tensor());
    place_ = place_ == Place::Top ? Place::End : Place::Top;
    return {};
  }

  Result<> begin_array() override {
    if (place_ != Place::Tensor || field_ == "dtype") return misplaced("an array");
    place_ = field_ == "shape" ? Place::Shape : Place::Offsets;
    return {};
  }

  Result<> end_array() override {
    place_ = Place::Tensor;
    return {};
  }

 private:
  enum class Place { Start, Top, Metadata, Tensor, Shape, Offsets, End };

  Error misplaced(std::string_view what) const {
    switch (place_) {
      case Place::Start:
      case Place::End:
        return invalid_argument("the header is {}, not an object", what);
      case Place::Top:
        return invalid_argument("the value of {} is {}, not an object", in_quotes(tensor_), what);
      case Place::Metadata:
        return invalid_argument("\"{}\" holds {}; only strings may be there", kMetadata, what);
      default:
        return invalid_argument("tensor {}: {} is out of place in \"{}\"", in_quotes(tensor_), what,
                                field_);
    }
  }

  Result<> tensor_key(std::string_view name) {
    if (name != "dtype" && name != "shape" && name != "data_offsets") {
      return invalid_argument("tensor {} has the unknown key {}", in_quotes(tensor_),
                              in_quotes(name));
    }
    if (!fields_seen_.emplace(name).second) {
      return invalid_argument("tensor {}: the key \"{}\" is there twice", in_quotes(tensor_), name);
    }
    field_ = name;
    return {};
  }

  Result<> finish_tensor() {
    for (const std::string_view field : {"dtype", "shape", "data_offsets"}) {
      if (!fields_seen_.contains(field))
        return invalid_argument("tensor {} has no \"{}\"", in_quotes(tensor_), field);
    }
    if (offsets_.size() != 2) {
      return invalid_argument("tensor {}: \"data_offsets\" has {} numbers instead of 2",
                              in_quotes(tensor_), offsets_.size());
    }
    const auto begin = static_cast<uint64_t>(offsets_[0]);
    const auto end = static_cast<uint64_t>(offsets_[1]);
    if (begin > end || end > data_size_) {
      return invalid_argument(
          "tensor {}: data_offsets [{},{}] do not lie within the {} bytes of data",
          in_quotes(tensor_), begin, end, data_size_);
    }
    const std::optional<uint64_t> bytes = tensor_bytes(shape_, type_->bits);
    if (!bytes) {
      return invalid_argument(
          "tensor {}: {} elements of type {} are no whole number of bytes below 2^63",
          in_quotes(tensor_), shape_text(shape_), type_->name);
    }
    if (end - begin != *bytes) {
      return invalid_argument(
          "tensor {}: {} of type {} needs {} bytes, its data_offsets [{},{}] hold {}",
          in_quotes(tensor_), shape_text(shape_), type_->name, *bytes, begin, end, end - begin);
    }
    entries_.push_back(
        {tensor_, {type_->dtype, shape_, type_->name}, data_offset_ + begin, *bytes});
    return {};
  }

  const uint64_t data_offset_;
  const uint64_t data_size_;
  Place place_ = Place::Start;
  std::string tensor_;  // the member of the top object that is being read
  std::string field_;   // the member of the tensor
  const StoredType* type_ = nullptr;
  Shape shape_;
  std::vector<int64_t> offsets_;
  std::set<std::string, std::less<>> fields_seen_;
  bool metadata_seen_ = false;
  std::set<std::string, std::less<>> metadata_keys_;
  std::vector<SafetensorsEntry> entries_;
};

// Every byte after the header belongs to exactly one tensor.
Result<> check_layout(const std::vector<SafetensorsEntry>& entries, uint64_t data_offset,
                      uint64_t file_size) {
  std::vector<const SafetensorsEntry*> by_offset;
  by_offset.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries) by_offset.push_back(&entry);
  std::ranges::sort(by_offset, {},
                    [](const auto* entry) { return std::pair(entry->offset, entry->size); });

  uint64_t filled = data_offset;
  for (const SafetensorsEntry* entry : by_offset) {
    if (entry->offset < filled) {
      return invalid_argument(
          "tensor {} begins at byte {}, but the one before it ends at {}: they overlap",
          in_quotes(entry->name), entry->offset, filled);
    }
    if (entry->offset > filled) {
      return invalid_argument(
          "tensor {} begins at byte {}, but what is before it ends at {}: {} bytes belong to no "
          "tensor",
          in_quotes(entry->name), entry->offset, filled, entry->offset - filled);
    }
    filled += entry->size;
  }
  if (filled != file_size) {
    return invalid_argument(
        "the last tensor ends at byte {}, but the file has {}: {} bytes belong to no tensor",
        filled, file_size, file_size - filled);
  }
  return {};
}

}  // namespace

Result<uint64_t> safetensors_data_offset(std::span<const std::byte> start, uint64_t file_size) {
  if (file_size < kLengthBytes) {
    return invalid_argument("the file has {} bytes, fewer than the {} of a header's length",
                            file_size, kLengthBytes);
  }
  NESO_CHECK(start.size() >= kLengthBytes);
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i)
    length |= std::to_integer<uint64_t>(start[i]) << (8 * i);
  if (length == kLengthOfPointerFile) {
    return invalid_argument(
        "this is a Git LFS pointer, not the weights; fetch them with `git lfs pull`");
  }
  if (length == 0) return invalid_argument("the header's length is 0");
  if (length > kMaxHeaderBytes) {
    return invalid_argument("the header's length is {}, more than the format's limit of {} bytes",
                            length, kMaxHeaderBytes);
  }
  if (length > file_size - kLengthBytes) {
    return invalid_argument(
        "the header's length is {}, but only {} bytes follow: the file is cut short", length,
        file_size - kLengthBytes);
  }
  return kLengthBytes + length;
}

Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::span<const std::byte> start,
                                                               uint64_t file_size) {
  NESO_TRY(const uint64_t data_offset, safetensors_data_offset(start, file_size));
  NESO_CHECK(start.size() >= data_offset);
  const std::string_view json(reinterpret_cast<const char*>(start.data()) + kLengthBytes,
                              data_offset - kLengthBytes);
  if (json.front() != '{') return invalid_argument("the header does not begin with '{{'");

  HeaderReader reader(data_offset, file_size - data_offset);
  constexpr int kDepth = 4;  // the reader refuses what is out of place before this does
  NESO_TRY_VOID(stream_json(json, reader, {.max_depth = kDepth}));
  std::vector<SafetensorsEntry> entries = std::move(reader).take_entries();
  std::ranges::sort(entries, {}, &SafetensorsEntry::name);
  const auto twin = std::ranges::adjacent_find(entries, {}, &SafetensorsEntry::name);
  if (twin != entries.end())
    return invalid_argument("tensor {} is there twice", in_quotes(twin->name));
  NESO_TRY_VOID(check_layout(entries, data_offset, file_size));
  return entries;
}

}  // namespace neso
