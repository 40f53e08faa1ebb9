// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/infer_bytes.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tensor/in_place.h"

namespace neso::grpc_api {
namespace {

using google::protobuf::io::CodedOutputStream;
using inference::ModelInferResponse;
using inference::ModelStreamInferResponse;

// How many bytes the length-delimited field of `size` bytes takes, and its beginning.
size_t field_size(int number, size_t size) {
  return CodedOutputStream::VarintSize32(static_cast<uint32_t>(number) << 3) +
         CodedOutputStream::VarintSize64(size) + size;
}
void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
void append_field(std::string& out, int number, size_t size) {
  constexpr uint64_t kLengthDelimited = 2;
  append_varint(out, (static_cast<uint64_t>(number) << 3) | kLengthDelimited);
  append_varint(out, size);
}

// Takes the text over.
::grpc::Slice slice_of(std::string text) {
  auto owner = std::make_unique<std::string>(std::move(text));
  std::string& kept = *owner;
  return {kept.data(), kept.size(), [](void* data) { delete static_cast<std::string*>(data); },
          owner.release()};
}

::grpc::Slice slice_of(const Tensor& tensor) {
  auto owner = std::make_unique<Tensor>(tensor);
  const auto bytes = owner->bytes();
  return {const_cast<std::byte*>(bytes.data()), bytes.size(),
          [](void* data) { delete static_cast<Tensor*>(data); }, owner.release()};
}

size_t outputs_size(std::span<const NamedTensor> outputs) {
  size_t size = 0;
  for (const auto& [name, tensor] : outputs)
    size += field_size(ModelInferResponse::kRawOutputContentsFieldNumber, tensor.bytes().size());
  return size;
}

// `text` is what comes first.
::grpc::ByteBuffer with_outputs(std::string text, std::span<const NamedTensor> outputs) {
  std::vector<::grpc::Slice> slices;
  for (const auto& [name, tensor] : outputs) {
    const auto bytes = tensor.bytes();
    append_field(text, ModelInferResponse::kRawOutputContentsFieldNumber, bytes.size());
    if (bytes.size() < kLeftInPlace) {
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    } else {
      slices.push_back(slice_of(std::exchange(text, {})));
      slices.push_back(slice_of(tensor));
    }
  }
  if (!text.empty() || slices.empty()) slices.push_back(slice_of(std::move(text)));
  return {slices.data(), slices.size()};
}

}  // namespace

Result<std::shared_ptr<const inference::ModelInferRequest>> read_infer(::grpc::ByteBuffer& bytes) {
  auto message = std::make_shared<inference::ModelInferRequest>();
  bool read = false;
  {
    ::grpc::ProtoBufferReader reader(&bytes);
    read = reader.status().ok() && message->ParseFromZeroCopyStream(&reader);
  }
  bytes.Clear();
  if (!read) {
    return invalid_argument(
        "the request is no ModelInferRequest: its bytes are cut off, nested too deeply or of "
        "another kind");
  }
  return std::shared_ptr<const inference::ModelInferRequest>(std::move(message));
}

::grpc::ByteBuffer infer_bytes(const ModelInferResponse& head,
                               std::span<const NamedTensor> outputs) {
  std::string text;
  text.reserve(head.ByteSizeLong() + std::min(outputs_size(outputs), kLeftInPlace));
  head.AppendToString(&text);
  return with_outputs(std::move(text), outputs);
}

::grpc::ByteBuffer stream_infer_bytes(const ModelInferResponse& head,
                                      std::span<const NamedTensor> outputs) {
  std::string text;
  append_field(text, ModelStreamInferResponse::kInferResponseFieldNumber,
               head.ByteSizeLong() + outputs_size(outputs));
  head.AppendToString(&text);
  return with_outputs(std::move(text), outputs);
}

::grpc::ByteBuffer message_bytes(const google::protobuf::MessageLite& message) {
  const ::grpc::Slice slice = slice_of(message.SerializeAsString());
  return {&slice, 1};
}

}  // namespace neso::grpc_api
