// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/ort_runtime.h"

#include <dlfcn.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "engine/onnx/onnx_fixture.h"

namespace neso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A library that knows the tables up to `newest`; each table is a marker object.
uint32_t newest = 0;
std::vector<uint32_t> asked;
const char* version_text = "";
OrtApi table;

const OrtApi* get_api(uint32_t version) noexcept {
  asked.push_back(version);
  return version <= newest ? &table : nullptr;
}
const char* get_version() noexcept {
  return version_text;
}
const OrtApiBase kFake = {get_api, get_version};

Result<const OrtApi*> negotiate(uint32_t newest_table, const char* version) {
  newest = newest_table;
  version_text = version;
  asked.clear();
  return negotiate_api(kFake, "libfake.so");
}

TEST(OrtRuntime, AsksANewerLibraryForTheTableOfTheHeaders) {
  ASSERT_TRUE(negotiate(40, "1.40.0"));
  EXPECT_THAT(asked, ElementsAre(ORT_API_VERSION));
}

TEST(OrtRuntime, AsksAnOlderLibraryForItsOwnTable) {
  ASSERT_TRUE(negotiate(17, "1.17.3"));
  EXPECT_THAT(asked, ElementsAre(17));
}

TEST(OrtRuntime, TriesOlderTablesWhenTheVersionSaysNothing) {
  ASSERT_TRUE(negotiate(20, "dev"));
  EXPECT_THAT(asked, ElementsAre(21, 20));
}

TEST(OrtRuntime, RefusesATooOldLibraryNamingBothVersions) {
  const auto result = negotiate(14, "1.14.1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(result.error().message,
              HasSubstr("libfake.so is ONNX Runtime 1.14.1, but version 1.15 or newer"));
  EXPECT_THAT(asked, ElementsAre());
  EXPECT_FALSE(negotiate(3, "unknown"));
}

TEST(OrtRuntime, LooksBesideTheProgramAndThenWhereTheLoaderDoes) {
  EXPECT_THAT(onnx_runtime_candidates("/opt/neso/bin"),
              ElementsAre("/opt/neso/bin/libonnxruntime.so.1", "/opt/neso/lib/libonnxruntime.so.1",
                          "libonnxruntime.so.1", "libonnxruntime.so"));
  EXPECT_THAT(onnx_runtime_candidates(""), ElementsAre("libonnxruntime.so.1", "libonnxruntime.so"));
}

TEST(OrtRuntime, OpensOncePerLibrary) {
  const auto first = onnx_fixture::runtime();
  EXPECT_EQ(first, onnx_fixture::runtime());
  EXPECT_THAT(onnx_runtime_version(*first), testing::MatchesRegex("1\\.[0-9]+\\.[0-9]+.*"));
  TemporaryFolder folder;
  std::filesystem::create_symlink(NESO_ONNX_LIBRARY, folder.path() / "link.so");
  EXPECT_EQ(*open_onnx_runtime(folder.path() / "link.so"), first);
}

TEST(OrtRuntime, SaysHowToGetAMissingLibrary) {
  const auto result = open_onnx_runtime("/nowhere/libonnxruntime.so.1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::NotFound);
  EXPECT_THAT(result.error().message, HasSubstr("/nowhere/libonnxruntime.so.1"));
  EXPECT_THAT(result.error().message, HasSubstr("./dev setup"));
}

TEST(OrtRuntime, RefusesAFileThatIsNoLibrary) {
  TemporaryFolder folder;
  const auto text = open_onnx_runtime(folder.write("text.so", "hello"));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(text.error().message, HasSubstr("cannot be opened as ONNX Runtime's library"));
  EXPECT_FALSE(open_onnx_runtime(folder.path()));
}

TEST(OrtRuntime, RefusesAnotherLibrary) {
  Dl_info libc{};
  ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &libc), 0);
  const auto result = open_onnx_runtime(libc.dli_fname);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("no function OrtGetApiBase"));
}

}  // namespace
}  // namespace neso
