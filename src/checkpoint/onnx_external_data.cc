// SPDX-License-Identifier: Apache-2.0
// Field numbers are those of onnx.proto.
#include "checkpoint/onnx_external_data.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/onnx_reader.h"

namespace neso {
namespace {

constexpr int kMaxDepth = 100;  // protobuf's own limit, in messages
constexpr size_t kMaxLocationBytes = 4096;
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

class Walker {
 public:
  explicit Walker(OnnxReader reader) : reader_(std::move(reader)) {}

  Result<> walk() {
    NESO_TRY_VOID(message(Kind::Model, reader_.whole(), 0));
    if (!has_graph_) {
      return invalid_argument("{} is no ONNX model, or it was cut short: it holds no graph",
                              reader_.name());
    }
    return {};
  }

  // Of the model and the files that it names, after walk().
  uint64_t bytes() const { return reader_.whole().length + external_bytes_; }

 private:
  Result<> message(Kind kind, ByteRange range, int depth) {
    if (depth > kMaxDepth) {
      return invalid_argument(
          "{} nests messages more than {} deep, which ONNX Runtime does not read", reader_.name(),
          kMaxDepth);
    }
    ByteRange key;
    ByteRange value;  // of an Entry; a repeated one replaces the former, as in protobuf
    NESO_TRY_VOID(reader_.for_each_field(range, [&](const ProtoField& field) -> Result<> {
      if (field.type != WireType::Delimited) return {};
      if (kind == Kind::Model && field.number == 7) has_graph_ = true;
      if (kind == Kind::Entry && field.number == 1) key = field.payload;
      if (kind == Kind::Entry && field.number == 2) value = field.payload;
      const auto child = child_of(kind, field.number);
      return child ? message(*child, field.payload, depth + 1) : Result<>();
    }));
    return kind == Kind::Entry ? entry(key, value) : Result<>();
  }

  // One key and value about an external tensor.
  Result<> entry(ByteRange key, ByteRange value) {
    constexpr std::string_view kLocation = "location";
    if (key.length != kLocation.size()) return {};
    NESO_TRY(const std::string key_text, reader_.text(key));
    if (key_text != kLocation) return {};
    if (value.length > kMaxLocationBytes) {
      return invalid_argument(
          "{} keeps weights in a file whose name has {} bytes; at most {} are allowed",
          reader_.name(), value.length, kMaxLocationBytes);
    }
    NESO_TRY(std::string location, reader_.text(value));
    if (accepted_.contains(location)) return {};
    NESO_TRY_VOID(check_location(location));
    std::error_code error;
    const uint64_t bytes = std::filesystem::file_size(reader_.folder() / location, error);
    if (!error) external_bytes_ += bytes;
    accepted_.insert(std::move(location));
    return {};
  }

  Result<> check_location(const std::string& location) const {
    const std::string& name = reader_.name();
    const std::filesystem::path relative(location);
    const std::filesystem::path file = reader_.folder() / relative;
    const bool climbs =
        std::ranges::any_of(relative, [](const auto& part) { return part == ".."; });
    if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() ||
        climbs || location.find(kMemoryMarker) != std::string::npos) {
      return invalid_argument(
          "{} keeps weights in '{}', which is not allowed: external data must be a file in the "
          "model's own folder, named without a leading '/' and without '..'",
          name, location);
    }
    std::error_code error;
    const auto type = std::filesystem::status(file, error).type();
    if (type == std::filesystem::file_type::not_found) {
      return not_found(
          "{} keeps weights in '{}', which is not in its folder; copy that file beside it", name,
          location);
    }
    if (type != std::filesystem::file_type::regular) {
      return invalid_argument("{} keeps weights in '{}', which is not a regular file", name,
                              location);
    }
    if (!is_inside(reader_.folder(), file)) {
      return invalid_argument(
          "{} keeps weights in '{}', which is a link that leads out of the model's folder; put the "
          "file itself there",
          name, location);
    }
    return {};
  }

  OnnxReader reader_;
  std::set<std::string> accepted_;
  uint64_t external_bytes_ = 0;
  bool has_graph_ = false;
};

}  // namespace

Result<uint64_t> measure_onnx_file(const std::filesystem::path& model) {
  NESO_TRY(OnnxReader reader, OnnxReader::open(model));
  Walker walker(std::move(reader));
  NESO_TRY_VOID(walker.walk());
  return walker.bytes();
}

Result<> check_onnx_file(const std::filesystem::path& model) {
  NESO_TRY_VOID(measure_onnx_file(model));
  return {};
}

}  // namespace neso
