// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/weight_store.h"

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_folder.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

template <typename T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string header_of(const std::string& dtype, size_t elements, size_t bytes) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":[)" + std::to_string(elements) +
         R"(],"data_offsets":[0,)" + std::to_string(bytes) + "]}}";
}

std::string refusal(const fs::path& folder) {
  const auto store = open_safetensors(folder);
  return store ? "" : store.error().message;
}

TEST(WeightStore, ReadsEveryFloatTypeAsFp32) {
  const std::vector<float> expected = {1.0F, -2.5F, 0.0F, 65504.0F};
  const std::vector<std::pair<std::string, std::string>> files = {
      {"F32", raw<float>(expected)},
      {"F64", raw<double>({1.0, -2.5, 0.0, 65504.0})},
      {"F16", raw<uint16_t>({0x3C00, 0xC100, 0x0000, 0x7BFF})},
  };
  for (const auto& [type, data] : files) {
    const TemporaryFolder folder;
    folder.write("model.safetensors", safetensors_bytes(header_of(type, 4, data.size()), data));
    const auto store = open_safetensors(folder.path());
    ASSERT_TRUE(store) << store.error().message;
    std::vector<float> values(4);
    ASSERT_TRUE((*store)->read_fp32("t", values));
    EXPECT_EQ(values, expected) << type;
  }
  const TemporaryFolder folder;
  folder.write("model.safetensors",
               safetensors_bytes(header_of("BF16", 2, 4), raw<uint16_t>({0x3F80, 0xC020})));
  std::vector<float> values(2);
  ASSERT_TRUE((*open_safetensors(folder.path()))->read_fp32("t", values));
  EXPECT_THAT(values, ElementsAre(1.0F, -2.5F));
}

TEST(WeightStore, ReadsATensorOfManyChunksWhole) {
  std::vector<uint16_t> stored(150'001);
  for (size_t i = 0; i < stored.size(); ++i)
    stored[i] = static_cast<uint16_t>(i % 0x7F00);  // finite bf16
  const TemporaryFolder folder;
  folder.write("model.safetensors",
               safetensors_bytes(header_of("BF16", stored.size(), stored.size() * 2), raw(stored)));
  std::vector<float> values(stored.size());
  ASSERT_TRUE((*open_safetensors(folder.path()))->read_fp32("t", values));
  for (size_t i = 0; i < stored.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), uint32_t{stored[i]} << 16U) << i;
  }
}

TEST(WeightStore, AnswersNamesAndInfo) {
  const TemporaryFolder folder;
  folder.write("model.safetensors", safetensors_bytes({{"b", {2, 3}}, {"a", {4}, "I64", 8}}));
  const auto store = open_safetensors(folder.path());
  ASSERT_TRUE(store);
  EXPECT_THAT((*store)->names(), ElementsAre("a", "b"));
  ASSERT_NE((*store)->find("b"), nullptr);
  EXPECT_EQ((*store)->find("b")->shape, (Shape{2, 3}));
  EXPECT_EQ((*store)->find("c"), nullptr);

  std::vector<float> values(4);
  const auto missing = (*store)->read_fp32("c", values);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("\"c\""));
  const auto integers = (*store)->read_fp32("a", values);
  ASSERT_FALSE(integers);
  EXPECT_EQ(integers.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(integers.error().message, HasSubstr("stores it as I64"));
}

TEST(WeightStore, NamesFileAndTensorWhenItRefuses) {
  const TemporaryFolder folder;
  folder.write("model.safetensors",
               safetensors_bytes(header_of("F32", 3, 8), std::string(8, '\0')));
  EXPECT_THAT(refusal(folder.path()),
              HasSubstr((folder.path() / "model.safetensors").string() + ": tensor \"t\""));
}

TEST(WeightStore, IsNotFoundInAFolderWithoutWeights) {
  const TemporaryFolder folder;
  const auto store = open_safetensors(folder.path());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::NotFound);
  EXPECT_THAT(store.error().message, HasSubstr("model.safetensors.index.json"));
}

TEST(WeightStore, RefusesAGoodFileCutAtAnyByte) {
  const std::string good = safetensors_bytes({{"a", {2, 2}}, {"b", {3}}});
  const TemporaryFolder folder;
  folder.write("model.safetensors", good);
  EXPECT_EQ(refusal(folder.path()), "");
  for (size_t size = good.size(); size-- > 0;) {
    fs::resize_file(folder.path() / "model.safetensors", size);
    EXPECT_NE(refusal(folder.path()), "") << "cut to " << size << " of " << good.size() << " bytes";
  }
}

TEST(WeightStore, RefusesSparseFilesOfATerabyte) {
  constexpr uintmax_t kTerabyte = uintmax_t{1} << 40U;
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "model.safetensors";
  folder.write("model.safetensors", "");
  std::error_code error;
  fs::resize_file(file, kTerabyte, error);
  if (error)
    GTEST_SKIP() << "this file system has no sparse files of that size: " << error.message();
  EXPECT_THAT(refusal(folder.path()), HasSubstr("length is 0"));

  folder.write("model.safetensors", safetensors_bytes({{"a", {2}}}));
  fs::resize_file(file, kTerabyte);
  EXPECT_THAT(refusal(folder.path()), HasSubstr("belong to no tensor"));
}

TEST(WeightStore, ReportsAFileCutShortAfterItWasOpened) {
  const TemporaryFolder folder;
  folder.write("model.safetensors", safetensors_bytes({{"a", {4096}}, {"b", {100'000}, "F16", 2}}));
  const auto store = open_safetensors(folder.path());
  ASSERT_TRUE(store);
  fs::resize_file(folder.path() / "model.safetensors", 4096);
  for (const std::string name : {"a", "b"}) {
    std::vector<float> values(static_cast<size_t>(*element_count((*store)->find(name)->shape)));
    const auto read = (*store)->read_fp32(name, values);
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(read.error().code, ErrorCode::Internal);
    EXPECT_THAT(read.error().message, HasSubstr("model.safetensors"));
  }
}

TEST(WeightStore, ReportsAFileWrittenToAfterItWasOpened) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "model.safetensors";
  folder.write("model.safetensors", safetensors_bytes({{"a", {16}}}));
  const auto store = open_safetensors(folder.path());
  ASSERT_TRUE(store);
  std::vector<float> values(16);
  ASSERT_TRUE((*store)->read_fp32("a", values));
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  const auto read = (*store)->read_fp32("a", values);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("was written to"));
}

// Two shards, a.safetensors with tensors a1 and a2, b.safetensors with b1, and an index that a test
// may replace.
class ShardedFolder : public TemporaryFolder {
 public:
  ShardedFolder() {
    write("a.safetensors", safetensors_bytes({{"a1", {2}}, {"a2", {3}}}));
    write("b.safetensors", safetensors_bytes({{"b1", {4}}}));
    index(R"("a1":"a.safetensors","a2":"a.safetensors","b1":"b.safetensors")");
  }
  void index(const std::string& weight_map) const {
    write("model.safetensors.index.json",
          R"({"metadata":{"total_size":36},"weight_map":{)" + weight_map + "}}");
  }
};

TEST(ShardedWeights, ReadsAcrossShards) {
  const ShardedFolder folder;
  folder.write("b.safetensors",
               safetensors_bytes(R"({"b1":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                 raw<float>({7.0F})));
  const auto store = open_safetensors(folder.path());
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT((*store)->names(), ElementsAre("a1", "a2", "b1"));
  std::vector<float> values(1);
  ASSERT_TRUE((*store)->read_fp32("b1", values));
  EXPECT_EQ(values[0], 7.0F);
}

TEST(ShardedWeights, PrefersTheSingleFile) {
  const ShardedFolder folder;
  folder.write("model.safetensors", safetensors_bytes({{"whole", {1}}}));
  EXPECT_THAT((*open_safetensors(folder.path()))->names(), ElementsAre("whole"));
}

TEST(ShardedWeights, RefusesNamesThatAreNotPlain) {
  const ShardedFolder folder;
  for (const std::string name :
       {"../../x", "/etc/passwd", "sub/a.safetensors", "..", ".", "", "a\\\\b", "a\\u0000b"}) {
    folder.index("\"a1\":\"" + name + "\"");
    EXPECT_THAT(refusal(folder.path()), HasSubstr("must be a plain file name")) << name;
  }
  folder.index(R"("a1":7)");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("must hold file names only"));
}

TEST(ShardedWeights, RefusesALinkOutOfTheFolder) {
  const TemporaryFolder elsewhere;
  elsewhere.write("secret.safetensors", safetensors_bytes({{"c1", {1}}}));
  const ShardedFolder folder;
  fs::create_symlink(elsewhere.path() / "secret.safetensors", folder.path() / "c.safetensors");
  folder.index(R"("c1":"c.safetensors")");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("a link that leads out of the folder"));
}

TEST(ShardedWeights, RefusesMissingShards) {
  const ShardedFolder folder;
  folder.remove("b.safetensors");
  EXPECT_THAT(refusal(folder.path()),
              HasSubstr("names the file \"b.safetensors\", which is not there"));
}

TEST(ShardedWeights, RefusesATensorInTwoShards) {
  const ShardedFolder folder;
  folder.write("b.safetensors", safetensors_bytes({{"b1", {4}}, {"a2", {3}}}));
  const std::string message = refusal(folder.path());
  EXPECT_THAT(message, HasSubstr("tensor \"a2\" is in two files"));
  EXPECT_THAT(message, HasSubstr("a.safetensors and "));
}

TEST(ShardedWeights, RefusesAnIndexThatPromisesWhatIsNotThere) {
  const ShardedFolder folder;
  folder.index(R"("a1":"a.safetensors","b1":"a.safetensors","b2":"b.safetensors")");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("promises tensor \"b1\""));
  folder.index(R"("a1":"a.safetensors","b2":"b.safetensors")");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("promises tensor \"b2\""));
}

TEST(ShardedWeights, RefusesABrokenIndex) {
  const ShardedFolder folder;
  folder.index(R"("a1":"a.safetensors","a1":"b.safetensors")");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("\"a1\" is there twice"));
  folder.write("model.safetensors.index.json", "{}");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("weight_map"));
  folder.write("model.safetensors.index.json", R"({"weight_map":)");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("model.safetensors.index.json"));
}

}  // namespace
}  // namespace neso
