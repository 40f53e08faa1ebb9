// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_json.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/json.h"
#include "base/json_writer.h"
#include "tensor/half.h"

namespace neso {
namespace {

// Objects one behind another.
class Objects {
 public:
  template <typename Members>
  void add(uint64_t id, const Members& members) {
    JsonWriter writer;
    writer.begin_object();
    writer.key("id").unsigned_integer(id);
    members(writer);
    writer.end_object();
    if (!text_.empty()) text_ += ',';
    text_ += writer.text();
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

void add_model(const TracePart& part, Objects& objects) {
  objects.add(part.id, [&](JsonWriter& writer) {
    writer.key("model_name").string(part.model);
    writer.key("model_version").integer(part.version);
    if (!part.request_id.empty()) writer.key("request_id").string(part.request_id);
    if (part.parent_id != 0) writer.key("parent_id").unsigned_integer(part.parent_id);
  });
}

void add_stamp(uint64_t id, const TraceStamp& stamp, Objects& objects) {
  objects.add(id, [&](JsonWriter& writer) {
    writer.key("timestamps").begin_array().begin_object();
    writer.key("name").string(to_string(stamp.event));
    writer.key("ns").integer(stamp.ns);
    writer.end_object().end_array();
  });
}

void add_tensor(uint64_t id, const TracedTensor& traced, Objects& objects) {
  const auto& [name, tensor] = traced.tensor;
  objects.add(id, [&, &name = name, &tensor = tensor](JsonWriter& writer) {
    writer.key("activity").string(to_string(traced.event));
    writer.key("tensor").begin_object();
    writer.key("name").string(name);
    writer.key("data").string(traced_elements(tensor));
    writer.key("shape").string(fmt::format("{}", fmt::join(tensor.shape(), ",")));
    writer.key("dtype").string(kserve_name(tensor.dtype()));
    writer.end_object();
  });
}

// Copied out, because a view may lie at any address.
template <typename T, typename Show>
std::string elements(std::span<const std::byte> bytes, const Show& show) {
  std::string text;
  for (; bytes.size() >= sizeof(T); bytes = bytes.subspan(sizeof(T))) {
    T value{};
    std::memcpy(&value, bytes.data(), sizeof(T));
    if (!text.empty()) text += ',';
    text += show(value);
  }
  return text;
}
template <typename T>
std::string whole_numbers(std::span<const std::byte> bytes) {
  return elements<T>(bytes, [](T value) { return std::to_string(value); });
}
std::string floating(double value) {
  return fmt::format("{:g}", value);
}

// A text may be any bytes; those that are no UTF-8 would make the whole file unreadable.
std::string readable(std::string_view element) {
  JsonWriter writer;
  writer.string(element);
  if (parse_json(writer.text())) return std::string(element);
  std::string text;
  for (const char c : element) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x80 ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return text;
}

std::string texts(std::span<const std::byte> bytes) {
  std::string text;
  if (const auto elements = bytes_elements(bytes)) {
    for (const std::string_view element : *elements) {
      if (!text.empty()) text += ',';
      text += fmt::format("\"{}\"", readable(element));
    }
  }
  return text;
}

}  // namespace

std::string traced_elements(const Tensor& tensor) {
  const auto bytes = tensor.bytes();
  switch (tensor.dtype()) {
    case DType::Bool:
    case DType::Uint8:
      return whole_numbers<uint8_t>(bytes);
    case DType::Uint16:
      return whole_numbers<uint16_t>(bytes);
    case DType::Uint32:
      return whole_numbers<uint32_t>(bytes);
    case DType::Uint64:
      return whole_numbers<uint64_t>(bytes);
    case DType::Int8:
      return whole_numbers<int8_t>(bytes);
    case DType::Int16:
      return whole_numbers<int16_t>(bytes);
    case DType::Int32:
      return whole_numbers<int32_t>(bytes);
    case DType::Int64:
      return whole_numbers<int64_t>(bytes);
    case DType::Fp16:
      return elements<uint16_t>(bytes, [](uint16_t v) { return floating(fp16_to_fp32(v)); });
    case DType::Bf16:
      return elements<uint16_t>(bytes, [](uint16_t v) { return floating(bf16_to_fp32(v)); });
    case DType::Fp32:
      return elements<float>(bytes, [](float v) { return floating(v); });
    case DType::Fp64:
      return elements<double>(bytes, [](double v) { return floating(v); });
    case DType::Bytes:
      return texts(bytes);
  }
  return {};
}

std::string trace_json(const FinishedTrace& trace) {
  Objects objects;
  const TraceLevel level = trace.series->settings.level;
  for (const TracePart& part : trace.parts) {
    bool told = part.model.empty();
    for (const TraceStamp& stamp : part.stamps) {
      if (!told && stamp.event == TraceEvent::RequestStart) {
        told = true;
        add_model(part, objects);
      }
      if (level.timestamps) add_stamp(part.id, stamp, objects);
    }
    if (!level.tensors) continue;
    for (const TracedTensor& tensor : part.tensors) add_tensor(part.id, tensor, objects);
  }
  return std::move(objects).text();
}

}  // namespace neso
