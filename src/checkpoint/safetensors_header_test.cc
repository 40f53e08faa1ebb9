// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors_header.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_folder.h"

namespace neso {
namespace {

using ::testing::HasSubstr;

Result<std::vector<SafetensorsEntry>> parse(std::string_view file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), file.size());
}

// The sentence that refuses a file with this header and as many bytes of data; empty when it is
// taken.
std::string refusal(std::string_view header, size_t data_bytes) {
  const auto entries = parse(safetensors_bytes(header, std::string(data_bytes, 'x')));
  return entries ? "" : entries.error().message;
}

std::string length_refusal(uint64_t length, uint64_t file_size) {
  std::string start;
  for (unsigned shift = 0; shift < 64; shift += 8)
    start.push_back(static_cast<char>(length >> shift));
  const auto offset = safetensors_data_offset(std::as_bytes(std::span(start)), file_size);
  return offset ? "" : offset.error().message;
}

TEST(SafetensorsHeader, ReadsTensorsSortedByName) {
  const auto entries = parse(safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},)"
      R"("a":{"data_offsets":[12,20],"shape":[],"dtype":"I64"}}   )",
      std::string(20, 'x')));
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 2U);
  const uint64_t data = (*entries)[1].offset;
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[0].info.dtype, DType::Int64);
  EXPECT_EQ((*entries)[0].info.shape, Shape());
  EXPECT_EQ((*entries)[0].offset, data + 12);
  EXPECT_EQ((*entries)[0].size, 8U);
  EXPECT_EQ((*entries)[1].name, "b");
  EXPECT_EQ((*entries)[1].info.dtype, DType::Fp16);
  EXPECT_EQ((*entries)[1].info.stored_as, "F16");
  EXPECT_EQ((*entries)[1].info.shape, (Shape{2, 3}));
}

TEST(SafetensorsHeader, TakesAFileWithoutTensorsAndTensorsWithoutElements) {
  EXPECT_EQ(refusal("{}", 0), "");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},)"
                    R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                    2),
            "");
}

TEST(SafetensorsHeader, KnowsEveryTypeThatWeRead) {
  const std::vector<std::pair<std::string, size_t>> types = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
      {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};
  for (const auto& [type, bytes] : types) {
    const auto entries = parse(safetensors_bytes({{"a", {3}, type, bytes}}));
    ASSERT_TRUE(entries) << type << ": " << entries.error().message;
    EXPECT_EQ(element_size((*entries)[0].info.dtype), bytes) << type;
  }
}

TEST(SafetensorsHeader, KeepsTypesThatWeCannotReadWithTheirName) {
  const auto entries = parse(safetensors_bytes({{"a", {3}, "F8_E4M3", 1}}));
  ASSERT_TRUE(entries);
  EXPECT_EQ((*entries)[0].info.dtype, DType::Bytes);
  EXPECT_EQ((*entries)[0].info.stored_as, "F8_E4M3");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", 2), "");
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2),
              HasSubstr("whole number of bytes"));
}

TEST(SafetensorsHeader, RefusesBadLengths) {
  EXPECT_THAT(length_refusal(0, 100), HasSubstr("length is 0"));
  EXPECT_THAT(length_refusal(93, 100), HasSubstr("length is 93, but only 92 bytes follow"));
  EXPECT_EQ(length_refusal(92, 100), "");
  EXPECT_THAT(length_refusal(uint64_t{1} << 63U, 100), HasSubstr("9223372036854775808, more than"));
  EXPECT_THAT(length_refusal(UINT64_MAX, UINT64_MAX), HasSubstr("18446744073709551615, more than"));
  EXPECT_THAT(length_refusal(100'000'001, uint64_t{1} << 40U),
              HasSubstr("limit of 100000000 bytes"));
  EXPECT_EQ(length_refusal(100'000'000, uint64_t{1} << 40U), "");
  EXPECT_THAT(length_refusal(0, 7), HasSubstr("has 7 bytes"));
}

TEST(SafetensorsHeader, RefusesAGitLfsPointerByName) {
  const auto entries =
      parse("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90868376\n");
  ASSERT_FALSE(entries);
  EXPECT_THAT(entries.error().message, HasSubstr("Git LFS pointer"));
}

TEST(SafetensorsHeader, RefusesWhatIsNoObject) {
  EXPECT_THAT(refusal(R"( {})", 0), HasSubstr("begin with '{'"));
  EXPECT_THAT(refusal(R"([])", 0), HasSubstr("begin with '{'"));
  EXPECT_NE(refusal(R"({)", 0), "");
  EXPECT_NE(refusal(R"({}{})", 0), "");
  EXPECT_NE(refusal(std::string(R"({})") + '\0', 0), "");
  EXPECT_NE(refusal("{\"a\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0), "");
}

TEST(SafetensorsHeader, RefusesDeepNestingBeforeItCosts) {
  const std::string deep(1'000'000, '[');
  EXPECT_THAT(refusal(R"({"a":)" + deep, 0), HasSubstr("the value of \"a\" is an array"));
  EXPECT_THAT(refusal(R"({"a":{"shape":)" + deep, 0),
              HasSubstr("an array is out of place in \"shape\""));
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":)" + deep, 0), HasSubstr("only strings"));
  EXPECT_THAT(refusal(R"({"a":{"shape":[1,{"b":)", 0), HasSubstr("an object is out of place"));
}

TEST(SafetensorsHeader, RefusesDuplicatesOfEveryKind) {
  const std::string tensor = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(refusal("{\"a\":" + tensor + ",\"a\":" + tensor + "}", 0),
              HasSubstr("tensor \"a\" is there twice"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","dtype":"U8"}})", 0),
              HasSubstr("key \"dtype\" is there twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{},"__metadata__":{}})", 0),
              HasSubstr("\"__metadata__\" is there twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":"v","k":"w"}})", 0),
              HasSubstr("\"k\" is there twice"));
}

TEST(SafetensorsHeader, RefusesMetadataThatIsNoStringMap) {
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":1}})", 0), HasSubstr("only strings"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":null}})", 0), HasSubstr("only strings"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":{}}})", 0), HasSubstr("only strings"));
  EXPECT_THAT(refusal(R"({"__metadata__":"k"})", 0), HasSubstr("is a string, not an object"));
}

TEST(SafetensorsHeader, RefusesIncompleteOrUnknownMembers) {
  EXPECT_THAT(refusal(R"({"a":{}})", 0), HasSubstr("tensor \"a\" has no \"dtype\""));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", 0),
              HasSubstr("has no \"shape\""));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[0]}})", 0),
              HasSubstr("has no \"data_offsets\""));
  EXPECT_THAT(refusal(R"({"a":{"strides":[1]}})", 0), HasSubstr("unknown key \"strides\""));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F31"}})", 0), HasSubstr("unknown dtype \"F31\""));
  EXPECT_THAT(refusal(R"({"a":{"dtype":7}})", 0),
              HasSubstr("a number is out of place in \"dtype\""));
  EXPECT_THAT(refusal(R"({"a":{"shape":"x"}})", 0),
              HasSubstr("a string is out of place in \"shape\""));
  EXPECT_THAT(refusal(R"({"a":{"shape":true}})", 0), HasSubstr("a boolean is out of place"));
  EXPECT_THAT(refusal(R"({"a":null})", 0), HasSubstr("is null, not an object"));
}

TEST(SafetensorsHeader, RefusesBadShapes) {
  const auto with_shape = [](const std::string& shape) {
    return refusal(R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,8]}})", 8);
  };
  EXPECT_EQ(with_shape("[2]"), "");
  EXPECT_THAT(with_shape("[-2]"), HasSubstr("negative number"));
  EXPECT_THAT(with_shape("[2.0]"), HasSubstr("no 63-bit integer"));
  EXPECT_THAT(with_shape("[18446744073709551615]"), HasSubstr("no 63-bit integer"));
  EXPECT_THAT(with_shape("[4294967296,4294967296]"), HasSubstr("below 2^63"));
  EXPECT_THAT(with_shape("[4611686018427387904]"),
              HasSubstr("below 2^63"));  // x 4 bytes wraps to 0
  EXPECT_THAT(with_shape("[3]"),
              HasSubstr("[3] of type F32 needs 12 bytes, its data_offsets [0,8] hold 8"));
  EXPECT_THAT(with_shape("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]"),
              HasSubstr("more than 32 numbers"));
}

TEST(SafetensorsHeader, RefusesBadOffsets) {
  const auto with_offsets = [](const std::string& offsets) {
    return refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + offsets + "}}", 4);
  };
  EXPECT_EQ(with_offsets("[0,4]"), "");
  EXPECT_THAT(with_offsets("[4,0]"), HasSubstr("[4,0] do not lie within the 4 bytes"));
  EXPECT_THAT(with_offsets("[1,5]"), HasSubstr("[1,5] do not lie within the 4 bytes"));
  EXPECT_THAT(with_offsets("[9223372036854775803,9223372036854775807]"),
              HasSubstr("do not lie within"));
  EXPECT_THAT(with_offsets("[0]"), HasSubstr("has 1 numbers instead of 2"));
  EXPECT_THAT(with_offsets("[0,4,4]"), HasSubstr("more than 2 numbers"));
  EXPECT_THAT(with_offsets("[-4,0]"), HasSubstr("negative"));
}

TEST(SafetensorsHeader, RefusesOverlapsHolesAndTails) {
  const auto two = [](const std::string& first, const std::string& second, size_t data) {
    return refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
                       R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}",
                   data);
  };
  EXPECT_EQ(two("[4,8]", "[0,4]", 8), "");
  EXPECT_THAT(two("[0,4]", "[3,7]", 7), HasSubstr("overlap"));
  EXPECT_THAT(two("[0,4]", "[0,4]", 4), HasSubstr("overlap"));
  EXPECT_THAT(two("[0,4]", "[5,9]", 9), HasSubstr("1 bytes belong to no tensor"));
  EXPECT_THAT(two("[1,5]", "[5,9]", 9), HasSubstr("tensor \"a\" begins at byte"));
  EXPECT_THAT(two("[0,4]", "[4,8]", 10), HasSubstr("2 bytes belong to no tensor"));
  EXPECT_THAT(refusal("{}", 1), HasSubstr("1 bytes belong to no tensor"));
}

TEST(SafetensorsHeader, CutsHostileNamesInItsSentences) {
  const std::string message = refusal("{\"" + std::string(5000, 'n') + "\\n\":7}", 0);
  EXPECT_LT(message.size(), 300U);
  EXPECT_THAT(refusal(R"({"a\nb":7})", 0), HasSubstr(R"("a\nb")"));
}

}  // namespace
}  // namespace neso
