// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/infer_bytes.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <gtest/gtest.h>

#include <vector>

namespace neso::grpc_api {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using inference::ModelStreamInferResponse;

template <typename Message>
Message parsed(::grpc::ByteBuffer bytes) {
  Message message;
  ::grpc::ProtoBufferReader reader(&bytes);
  EXPECT_TRUE(message.ParseFromZeroCopyStream(&reader));
  return message;
}

NamedTensor output(size_t size, std::byte value) {
  return {"Y",
          Tensor(DType::Uint8, {static_cast<int64_t>(size)}, std::vector<std::byte>(size, value))};
}

ModelInferResponse head() {
  ModelInferResponse message;
  message.set_model_name("m");
  message.set_id("r");
  return message;
}

// Sizes around what is copied, what is sent in place, and lengths that take several bytes.
TEST(InferBytes, OutputsFollowTheMessageAsItsOwnField) {
  const std::vector<NamedTensor> outputs = {output(0, std::byte{1}), output(127, std::byte{2}),
                                            output(16384, std::byte{3}), output(5, std::byte{4}),
                                            output(3000000, std::byte{5})};
  ModelInferResponse expected = head();
  for (const NamedTensor& tensor : outputs) {
    const auto bytes = tensor.tensor.bytes();
    expected.add_raw_output_contents(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  EXPECT_EQ(parsed<ModelInferResponse>(infer_bytes(head(), outputs)).SerializeAsString(),
            expected.SerializeAsString());
  const auto stream = parsed<ModelStreamInferResponse>(stream_infer_bytes(head(), outputs));
  EXPECT_EQ(stream.infer_response().SerializeAsString(), expected.SerializeAsString());
  EXPECT_TRUE(stream.error_message().empty());
}

TEST(InferBytes, LargeOutputsAreSentFromWhereTheyAre) {
  const NamedTensor large = output(100000, std::byte{1});
  std::vector<::grpc::Slice> slices;
  ASSERT_TRUE(infer_bytes(head(), {&large, 1}).Dump(&slices).ok());
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(static_cast<const void*>(slices[1].begin()), large.tensor.bytes().data());
}

TEST(InferBytes, AnEmptyAnswerIsAMessageToo) {
  EXPECT_EQ(infer_bytes({}, {}).Length(), 0U);
  EXPECT_TRUE(infer_bytes({}, {}).Valid());
}

TEST(InferBytes, RequestsAreReadAndTheirBytesLetGo) {
  ModelInferRequest request;
  request.set_model_name("m");
  ::grpc::ByteBuffer bytes = message_bytes(request);
  const auto read = read_infer(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)->model_name(), "m");
  EXPECT_FALSE(bytes.Valid());
}

TEST(InferBytes, OtherBytesAreRefused) {
  for (const std::string text : {"\x0a\x05m", "\xff\xff\xff", "\x0b\x0b\x0b"}) {
    const ::grpc::Slice slice(text);
    ::grpc::ByteBuffer bytes(&slice, 1);
    const auto read = read_infer(bytes);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::InvalidArgument);
  }
}

}  // namespace
}  // namespace neso::grpc_api
