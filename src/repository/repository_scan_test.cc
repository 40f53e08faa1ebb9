// SPDX-License-Identifier: Apache-2.0
// Folders to models and versions; what is ignored, and version policies.
#include "repository/repository_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_folder.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RepositoryScan, FindsModelsAndTheirVersionsInOrder) {
  const TemporaryFolder folder;
  for (const char* file : {"b/10/x", "b/2/x", "b/1_Pooling/x", "b/configs/x", "a/config.pbtxt",
                           ".git/1/x", "README.md"}) {
    folder.write(file, "");
  }
  const std::vector<std::filesystem::path> folders = {folder.path()};
  const auto found = scan_repositories(folders);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->models.size(), 2U);
  EXPECT_EQ(found->models[0].name, "a");
  EXPECT_THAT(found->models[0].versions, IsEmpty());
  EXPECT_THAT(found->models[1].versions, ElementsAre(2, 10));
}

TEST(RepositoryScan, IgnoresWhatIsNoVersion) {
  const TemporaryFolder folder;
  for (const char* file :
       {"m/0/x", "m/01/x", "m/1x/x", "m/12345678901234567890/x", "m/-1/x", "m/7/x", "m/1"}) {
    folder.write(file, "");
  }
  std::filesystem::create_directory_symlink("3", folder.path() / "m/3");  // to itself
  const std::vector<std::filesystem::path> folders = {folder.path()};
  EXPECT_THAT(scan_repositories(folders)->models[0].versions, ElementsAre(7));
}

TEST(RepositoryScan, KeepsNamesThatTwoRepositoriesHaveApart) {
  const TemporaryFolder one;
  const TemporaryFolder two;
  one.write("same/1/x", "");
  two.write("same/1/x", "");
  two.write("other/1/x", "");
  const std::vector<std::filesystem::path> folders = {one.path(), two.path()};
  const auto found = scan_repositories(folders);
  EXPECT_THAT(found->duplicates, ElementsAre("same"));
  ASSERT_EQ(found->models.size(), 1U);
  EXPECT_EQ(found->models[0].name, "other");
}

TEST(RepositoryScan, FailsOnAMissingRepository) {
  const std::vector<std::filesystem::path> folders = {"/nowhere/at/all"};
  const auto found = scan_repositories(folders);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "failed to stat file /nowhere/at/all");
}

TEST(VersionPolicy, SelectsVersions) {
  ModelConfig config;
  const std::vector<int64_t> available = {1, 3, 5};
  EXPECT_THAT(select_versions(config, available), ElementsAre(5));
  config.version_policy.latest = 2;
  EXPECT_THAT(select_versions(config, available), ElementsAre(3, 5));
  config.version_policy.latest = 9;
  EXPECT_THAT(select_versions(config, available), ElementsAre(1, 3, 5));
  config.version_policy.kind = VersionPolicy::Kind::All;
  EXPECT_THAT(select_versions(config, available), ElementsAre(1, 3, 5));
  config.version_policy.kind = VersionPolicy::Kind::Specific;
  config.version_policy.specific = {5, 2, 1, 5};
  EXPECT_THAT(select_versions(config, available), ElementsAre(1, 5));
  EXPECT_THAT(select_versions(config, {}), IsEmpty());
}

}  // namespace
}  // namespace neso
