// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/onnx_graph.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "checkpoint/in_quotes.h"

namespace neso {
namespace {

// Of all names and parts together: thirty times what a large encoder's export has.
constexpr size_t kMaxMemory = size_t{64} << 20U;
constexpr size_t kPartMemory = 64;  // a part's own, at least
constexpr size_t kMaxRank = 8;
constexpr uint64_t kExternal = 1;  // TensorProto.DataLocation

struct ElementType {
  int64_t number;
  DType dtype;
  std::string_view name;
};
constexpr std::array kFloats = {
    ElementType{kOnnxFloat, DType::Fp32, "FLOAT"},
    ElementType{10, DType::Fp16, "FLOAT16"},
    ElementType{kOnnxDouble, DType::Fp64, "DOUBLE"},
    ElementType{16, DType::Bf16, "BFLOAT16"},
};

// A TensorProto as it is written.
struct WrittenTensor {
  std::string name;
  Shape dims;
  int64_t type = 0;
  std::optional<ByteRange> raw;
  std::optional<ByteRange> floats;  // float_data
  bool external = false;
  std::string location;
  std::optional<uint64_t> offset, length;
};

class GraphReader {
 public:
  explicit GraphReader(OnnxReader& reader) : reader_(reader) {}

  Result<OnnxGraph> read() {
    std::optional<ByteRange> graph;
    NESO_TRY_VOID(reader_.for_each_field(reader_.whole(), [&](const ProtoField& field) -> Result<> {
      if (field.number != 7 || field.type != WireType::Delimited) return {};
      if (graph) return invalid_argument("{} holds two graphs", reader_.name());
      graph = field.payload;
      return {};
    }));
    if (!graph) return invalid_argument("{} holds no graph", reader_.name());
    NESO_TRY_VOID(reader_.for_each_field(*graph, [&](const ProtoField& field) -> Result<> {
      if (field.type != WireType::Delimited) return {};
      if (field.number == 1) return node(field.payload);
      if (field.number == 5) return initializer(field.payload);
      return {};
    }));
    return std::move(graph_);
  }

 private:
  Result<> spend(size_t bytes) {
    memory_ += kPartMemory + bytes;
    if (memory_ <= kMaxMemory) return {};
    return invalid_argument("{} has more nodes and names than any encoder", reader_.name());
  }

  Result<> read_text(const ProtoField& field, std::string& out) {
    if (field.type != WireType::Delimited) return reader_.malformed(field.payload.offset);
    NESO_TRY_VOID(spend(field.payload.length));
    NESO_TRY(out, reader_.text(field.payload));
    return {};
  }

  Result<> read_range(const ProtoField& field, std::optional<ByteRange>& out) const {
    if (field.type != WireType::Delimited) return reader_.malformed(field.payload.offset);
    out = field.payload;
    return {};
  }

  // A repeated int64, packed or not.
  Result<> read_integers(const ProtoField& field, std::vector<int64_t>& out) {
    if (field.type == WireType::Varint) return add_integer(field.value, out);
    if (field.type != WireType::Delimited) return reader_.malformed(field.payload.offset);
    size_t position = field.payload.offset;
    while (position < field.payload.end()) {
      NESO_TRY(const uint64_t value, reader_.varint(position, field.payload.end()));
      NESO_TRY_VOID(add_integer(value, out));
    }
    return {};
  }

  Result<> add_integer(uint64_t value, std::vector<int64_t>& out) {
    NESO_TRY_VOID(spend(0));
    out.push_back(static_cast<int64_t>(value));
    return {};
  }

  Result<> node(ByteRange range) {
    NESO_TRY_VOID(spend(sizeof(OnnxNode)));
    OnnxNode node;
    std::optional<ByteRange> value;  // of a Constant
    NESO_TRY_VOID(reader_.for_each_field(range, [&](const ProtoField& field) -> Result<> {
      switch (field.number) {
        case 1:
          return read_text(field, node.inputs.emplace_back());
        case 2:
          return read_text(field, node.outputs.emplace_back());
        case 3:
          return read_text(field, node.name);
        case 4:
          return read_text(field, node.op);
        case 5:
          return attribute(field, node, value);
        case 7:
          return read_text(field, node.domain);
        default:
          return {};
      }
    }));
    if (node.op == "Constant" && node.is_of_onnx() && value && node.outputs.size() == 1) {
      NESO_TRY_VOID(tensor(*value, node.outputs.front()));
      return {};
    }
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  Result<> attribute(const ProtoField& message, OnnxNode& node, std::optional<ByteRange>& value) {
    if (message.type != WireType::Delimited) return reader_.malformed(message.payload.offset);
    NESO_TRY_VOID(spend(0));
    std::string name;
    float real = 0.0F;
    int64_t integer = 0;
    std::vector<int64_t> integers;
    std::optional<ByteRange> tensor;
    NESO_TRY_VOID(reader_.for_each_field(message.payload, [&](const ProtoField& field) -> Result<> {
      switch (field.number) {
        case 1:
          return read_text(field, name);
        case 2:
          return read_float(field, real);
        case 3:
          integer = static_cast<int64_t>(field.value);
          return {};
        case 5:
          return read_range(field, tensor);
        case 8:
          return read_integers(field, integers);
        default:
          return {};
      }
    }));
    if (name == "perm") node.perm = std::move(integers);
    if (name == "transA") node.trans_a = integer != 0;
    if (name == "transB") node.trans_b = integer != 0;
    if (name == "alpha") node.alpha = real;
    if (name == "beta") node.beta = real;
    if (name == "axis") node.axis = integer;
    if (name == "to") node.to = integer;
    if (name == "value") value = tensor;
    return {};
  }

  Result<> read_float(const ProtoField& field, float& out) {
    if (field.type != WireType::Fixed32) return reader_.malformed(field.payload.offset);
    return reader_.read_into(field.payload.offset, std::as_writable_bytes(std::span(&out, 1)));
  }

  Result<> initializer(ByteRange range) { return tensor(range, {}); }

  // `output`: of the node that makes the tensor; an initializer has a name of its own.
  Result<> tensor(ByteRange range, const std::string& output) {
    NESO_TRY_VOID(spend(sizeof(OnnxTensor)));
    WrittenTensor written;
    NESO_TRY_VOID(reader_.for_each_field(
        range, [&](const ProtoField& field) { return tensor_field(field, written); }));
    if (!output.empty()) written.name = output;
    NESO_TRY(OnnxTensor tensor, checked(std::move(written)));
    graph_.tensors.push_back(std::move(tensor));
    return {};
  }

  Result<> tensor_field(const ProtoField& field, WrittenTensor& tensor) {
    switch (field.number) {
      case 1:
        return read_integers(field, tensor.dims);
      case 2:
        tensor.type = static_cast<int64_t>(field.value);
        return {};
      case 4:  // one packed run, as every writer makes it; anything else is no size that fits
        tensor.floats =
            tensor.floats || field.type != WireType::Delimited ? ByteRange{} : field.payload;
        return {};
      case 8:
        return read_text(field, tensor.name);
      case 9:
        return read_range(field, tensor.raw);
      case 13:
        return external_entry(field, tensor);
      case 14:
        tensor.external = field.value == kExternal;
        return {};
      default:
        return {};
    }
  }

  Result<> external_entry(const ProtoField& message, WrittenTensor& tensor) {
    if (message.type != WireType::Delimited) return reader_.malformed(message.payload.offset);
    std::string key, value;
    NESO_TRY_VOID(reader_.for_each_field(message.payload, [&](const ProtoField& field) -> Result<> {
      if (field.number == 1) return read_text(field, key);
      if (field.number == 2) return read_text(field, value);
      return {};
    }));
    if (key == "location") tensor.location = value;
    if (key == "offset") return read_number(key, value, tensor.offset);
    if (key == "length") return read_number(key, value, tensor.length);
    return {};
  }

  Result<> read_number(const std::string& key, const std::string& text,
                       std::optional<uint64_t>& out) const {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      return invalid_argument("{} keeps a weight in another file with {} {}, which is no number",
                              reader_.name(), key, in_quotes(text));
    }
    out = number;
    return {};
  }

  Result<OnnxTensor> checked(WrittenTensor written) const {
    OnnxTensor tensor{.name = std::move(written.name)};
    tensor.info.shape = std::move(written.dims);
    const std::optional<int64_t> elements = element_count(tensor.info.shape);
    if (!elements || tensor.info.shape.size() > kMaxRank) {
      return invalid_argument("{}: tensor {} has the impossible shape {}", reader_.name(),
                              in_quotes(tensor.name), shape_text(tensor.info.shape));
    }
    tensor.info.dtype = DType::Bytes;
    tensor.info.stored_as = "whole numbers or texts";
    const auto type = std::ranges::find(kFloats, written.type, &ElementType::number);
    if (type == kFloats.end()) return tensor;
    NESO_TRY_VOID(locate(written, tensor));
    if (tensor.size == 0 && *elements != 0) {
      tensor.info.stored_as = "single values, not as raw data";
      return tensor;
    }
    tensor.info.dtype = type->dtype;
    tensor.info.stored_as = type->name;
    // Without overflow: a size is below 2^63.
    const uint64_t element = element_size(type->dtype);
    if (tensor.size % element != 0 || tensor.size / element != static_cast<uint64_t>(*elements)) {
      return invalid_argument("{}: tensor {} of shape {} has {} bytes of {}", reader_.name(),
                              in_quotes(tensor.name), shape_text(tensor.info.shape), tensor.size,
                              type->name);
    }
    return tensor;
  }

  // Where the elements of a tensor of floats are; size stays 0 when they are in none of the places.
  Result<> locate(WrittenTensor& written, OnnxTensor& tensor) const {
    if (!written.external) {
      std::optional<ByteRange> range = written.raw;
      if (!range && written.type == kOnnxFloat) range = written.floats;
      tensor.offset = range.value_or(ByteRange{}).offset;
      tensor.size = range.value_or(ByteRange{}).length;
      return {};
    }
    std::error_code error;
    const uint64_t file_size =
        std::filesystem::file_size(reader_.folder() / written.location, error);
    if (error) {
      return invalid_argument("{} keeps tensor {} in '{}', which cannot be read: {}",
                              reader_.name(), in_quotes(tensor.name), written.location,
                              error.message());
    }
    tensor.offset = written.offset.value_or(0);
    const uint64_t rest = file_size - std::min(tensor.offset, file_size);
    tensor.size = written.length.value_or(rest);
    tensor.location = std::move(written.location);
    if (tensor.offset <= file_size && tensor.size <= rest) return {};
    return invalid_argument(
        "{} keeps tensor {} in '{}' at byte {} with {} bytes, but that file has {} bytes",
        reader_.name(), in_quotes(tensor.name), tensor.location, tensor.offset, tensor.size,
        file_size);
  }

  OnnxReader& reader_;
  OnnxGraph graph_;
  size_t memory_ = 0;
};

}  // namespace

Result<OnnxGraph> read_onnx_graph(OnnxReader& reader) {
  return GraphReader(reader).read();
}

}  // namespace neso
