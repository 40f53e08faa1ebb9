// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/onnx_external_data.h"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "base/file.h"
#include "base/temporary_folder.h"
#include "checkpoint/test_onnx.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using onnx_bytes::external_tensor;
using onnx_bytes::field;
using testing::AllOf;
using testing::HasSubstr;

std::string message_of(const Result<>& result) {
  return result ? "accepted" : result.error().message;
}

fs::path model_path(std::string_view name) {
  return fs::path(NESO_TEST_DATA) / "onnx" / (std::string(name) + ".onnx");
}
std::string model_bytes(std::string_view name) {
  return read_file(model_path(name), size_t{1} << 20U).value();
}

class OnnxExternalData : public testing::Test {
 protected:
  Result<> check(std::string_view content) {
    return check_onnx_file(folder_.write("model.onnx", content));
  }
  TemporaryFolder folder_;
};

TEST_F(OnnxExternalData, AcceptsModelsAndFilesBesideThem) {
  EXPECT_EQ(message_of(check_onnx_file(model_path("encoder"))), "accepted");
  EXPECT_EQ(message_of(check_onnx_file(model_path("external_good"))), "accepted");
  EXPECT_EQ(*measure_onnx_file(model_path("encoder")),
            std::filesystem::file_size(model_path("encoder")));
  EXPECT_GT(*measure_onnx_file(model_path("external_good")),
            std::filesystem::file_size(model_path("external_good")));
  folder_.write("weights/part", "0123");
  EXPECT_EQ(message_of(check(field(7, field(5, external_tensor("weights/part"))))), "accepted");
}

TEST_F(OnnxExternalData, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"external_parent", "external_inner_parent", "external_absolute",
                           "external_memory_address", "external_in_branch"}) {
    const auto result = check_onnx_file(model_path(name));
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(result.error().message, AllOf(HasSubstr(name), HasSubstr("is not allowed")))
        << name;
  }
  EXPECT_THAT(message_of(check(field(7, field(5, external_tensor(""))))),
              HasSubstr("is not allowed"));
  EXPECT_THAT(message_of(check(field(7, field(5, external_tensor(std::string_view("a\0b", 3)))))),
              HasSubstr("is not allowed"));
}

TEST_F(OnnxExternalData, NamesAMissingFile) {
  const auto result = check_onnx_file(model_path("external_missing"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::NotFound);
  EXPECT_THAT(result.error().message, HasSubstr("'absent.bin', which is not in its folder"));
}

TEST_F(OnnxExternalData, RefusesLinksThatLeadOut) {
  TemporaryFolder outside;
  outside.write("secret", "x");
  const std::string last = field(7, field(5, external_tensor("link")));
  const std::string middle = field(7, field(5, external_tensor("sub/secret")));
  fs::create_symlink(outside.path() / "secret", folder_.path() / "link");
  fs::create_directory_symlink(outside.path(), folder_.path() / "sub");
  EXPECT_THAT(message_of(check(last)), HasSubstr("a link that leads out"));
  EXPECT_THAT(message_of(check(middle)), HasSubstr("a link that leads out"));
  fs::remove(folder_.path() / "link");
  fs::create_symlink(folder_.write("inside", "x").filename(), folder_.path() / "link");
  EXPECT_EQ(message_of(check(last)), "accepted");
}

TEST_F(OnnxExternalData, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);
  fs::create_directory(folder_.path() / "folder");
  EXPECT_THAT(message_of(check(field(7, field(5, external_tensor("pipe"))))),
              HasSubstr("not a regular file"));
  EXPECT_THAT(message_of(check(field(7, field(5, external_tensor("folder"))))),
              HasSubstr("not a regular file"));
}

TEST_F(OnnxExternalData, FindsTensorsWhereverTheyHide) {
  const std::string bad = external_tensor("../x");
  const std::string attribute = field(5, bad);
  const std::string node = field(5, attribute);
  const std::pair<const char*, std::string> places[] = {
      {"initializer", field(7, field(5, bad))},
      {"sparse initializer's values", field(7, field(15, field(1, bad)))},
      {"sparse initializer's indices", field(7, field(15, field(2, bad)))},
      {"attribute's tensor", field(7, field(1, node))},
      {"attribute's tensors", field(7, field(1, field(5, field(10, bad))))},
      {"attribute's sparse tensor", field(7, field(1, field(5, field(22, field(1, bad)))))},
      {"attribute's sparse tensors", field(7, field(1, field(5, field(23, field(1, bad)))))},
      {"attribute's graph", field(7, field(1, field(5, field(6, field(5, bad)))))},
      {"attribute's graphs", field(7, field(1, field(5, field(11, field(5, bad)))))},
      {"function's node", field(7, "") + field(25, field(7, node))},
      {"function's attribute", field(7, "") + field(25, field(11, attribute))},
      {"training's initialization", field(7, "") + field(20, field(1, field(5, bad)))},
      {"training's algorithm", field(7, "") + field(20, field(2, field(5, bad)))},
      {"second graph", field(7, "") + field(7, field(5, bad))},
  };
  for (const auto& [place, model] : places)
    EXPECT_THAT(message_of(check(model)), HasSubstr("'../x'")) << place;
}

TEST_F(OnnxExternalData, ReadsAnEntryAsProtobufDoes) {
  folder_.write("good", "x");
  // The value before the key; the last of repeated ones counts.
  EXPECT_THAT(
      message_of(check(field(7, field(5, field(13, field(2, "../x") + field(1, "location")))))),
      HasSubstr("'../x'"));
  EXPECT_THAT(message_of(check(field(7, field(5, field(13, field(1, "location") + field(2, "good") +
                                                               field(2, "../x")))))),
              HasSubstr("'../x'"));
  EXPECT_EQ(
      message_of(check(field(7, field(5, field(13, field(1, "checksum") + field(2, "../x")))))),
      "accepted");
  EXPECT_THAT(message_of(check(field(7, field(5, external_tensor(std::string(5000, 'x')))))),
              HasSubstr("5000 bytes"));
}

TEST_F(OnnxExternalData, LimitsNesting) {
  std::string graph;
  for (int i = 0; i < 30; ++i) graph = field(1, field(5, field(6, graph)));
  EXPECT_EQ(message_of(check(field(7, graph))), "accepted");
  for (int i = 0; i < 10'000; ++i) graph = field(1, field(5, field(6, graph)));
  EXPECT_THAT(message_of(check(field(7, graph))), HasSubstr("more than 100 deep"));
}

TEST_F(OnnxExternalData, RefusesOtherFiles) {
  EXPECT_THAT(message_of(check("")), HasSubstr("model.onnx is empty"));
  EXPECT_THAT(message_of(check(std::string(4096, '\0'))), HasSubstr("no ONNX model"));
  EXPECT_THAT(message_of(check("name: \"bert\"\nbackend: \"onnxruntime\"\n")),
              HasSubstr("no ONNX model"));
  EXPECT_THAT(message_of(check(std::string(64, '\xff'))), HasSubstr("no ONNX model"));
  EXPECT_THAT(message_of(check(field(2, "pytorch"))), HasSubstr("it holds no graph"));
  EXPECT_THAT(message_of(check("version https://git-lfs\noid sha256:0\nsize 9\n")),
              HasSubstr("git lfs pull"));
  EXPECT_THAT(message_of(check_onnx_file(folder_.path())), HasSubstr("folder"));
  const auto missing = check_onnx_file(folder_.path() / "absent.onnx");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
}

TEST_F(OnnxExternalData, RefusesMoreThanProtobufCanHold) {
  const auto path = folder_.write("model.onnx", "x");
  fs::resize_file(path, uint64_t{3} << 30);
  EXPECT_THAT(message_of(check_onnx_file(path)), HasSubstr("holds at most 2147483647"));
}

TEST_F(OnnxExternalData, ReadsBeyondOneWindow) {
  const std::string large(200'000, 'w');
  EXPECT_THAT(
      message_of(check(field(7, field(5, field(9, large)) + field(5, external_tensor("../x"))))),
      HasSubstr("'../x'"));
}

TEST_F(OnnxExternalData, RefusesEveryCutThatHitsAField) {
  const std::string whole = model_bytes("encoder");
  size_t accepted = 0;
  for (size_t size = 1; size < whole.size(); ++size) {
    if (check(std::string_view(whole).substr(0, size))) ++accepted;
  }
  // Cuts between top-level fields behind the graph leave valid protobuf.
  EXPECT_LE(accepted, 2u);
}

TEST_F(OnnxExternalData, SurvivesFlippedBytes) {
  const std::string whole = model_bytes("external_in_branch");
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      static_cast<void>(check(damaged));
    }
  }
}

}  // namespace
}  // namespace neso
