// SPDX-License-Identifier: Apache-2.0
#include "model/loading/load_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/temporary_folder.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class LoadMarksTest : public testing::Test {
 protected:
  LoadMarksTest() { folder_.write("models/bert/1/model.onnx", "weights"); }

  // As a process that died in its load leaves things.
  void die(int times = 1) {
    for (int i = 0; i < times; ++i) {
      auto mark = marks_.begin(source_);
      ASSERT_TRUE(mark) << mark.error().message;
      fs::copy_file(marks_.file(source_), folder_ / "kept");
      {
        const LoadMark removed = std::move(mark).value();
      }
      fs::rename(folder_ / "kept", marks_.file(source_));
    }
  }

  TemporaryFolder folder_;
  LoadMarks marks_{folder_ / "cache/loading"};
  const ModelSource source_{.name = "bert", .version = 1, .model_folder = folder_ / "models/bert"};
};

TEST_F(LoadMarksTest, AMarkLivesAsLongAsTheLoad) {
  {
    const auto mark = marks_.begin(source_);
    ASSERT_TRUE(mark);
    EXPECT_TRUE(fs::exists(marks_.file(source_)));
  }
  EXPECT_FALSE(fs::exists(marks_.file(source_)));
  EXPECT_FALSE(marks_.suspect(source_));
}

TEST_F(LoadMarksTest, TheFourthLoadAfterThreeDeathsIsRefusedAndNamesTheMark) {
  EXPECT_FALSE(marks_.suspect(source_));
  die(3);
  EXPECT_TRUE(marks_.suspect(source_));
  const auto refused = marks_.begin(source_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NotReady);
  EXPECT_THAT(refused.error().message, HasSubstr("3 times in a row"));
  EXPECT_THAT(refused.error().message, HasSubstr("delete " + marks_.file(source_).string()));
  fs::remove(marks_.file(source_));
  EXPECT_TRUE(marks_.begin(source_));
}

TEST_F(LoadMarksTest, ALoadThatEndsForgetsTheDeathsBeforeIt) {
  die(2);
  EXPECT_TRUE(marks_.begin(source_));
  die(2);
  EXPECT_TRUE(marks_.begin(source_));
}

TEST_F(LoadMarksTest, ChangedFilesAreTriedAgain) {
  die(3);
  folder_.write("models/bert/1/model.onnx", "other weights");
  EXPECT_FALSE(marks_.suspect(source_));
  EXPECT_TRUE(marks_.begin(source_));
}

TEST_F(LoadMarksTest, VersionsAndRepositoriesAreToldApart) {
  die(3);
  ModelSource other = source_;
  other.version = 2;
  EXPECT_TRUE(marks_.begin(other));
  folder_.write("elsewhere/bert/1/model.onnx", "weights");
  other = source_;
  other.model_folder = folder_ / "elsewhere/bert";
  EXPECT_TRUE(marks_.begin(other));
}

TEST_F(LoadMarksTest, AnotherServerThatLoadsTheSameFilesIsNoDeath) {
  folder_.write(fs::relative(marks_.file(source_), folder_.path()).string(),
                "1 " + std::to_string(getppid()) + " " + files_fingerprint(source_) + "\n");
  EXPECT_FALSE(marks_.suspect(source_));
}

TEST_F(LoadMarksTest, WithoutAFolderNothingIsRemembered) {
  const LoadMarks nowhere{{}};
  EXPECT_TRUE(nowhere.begin(source_));
  EXPECT_FALSE(nowhere.suspect(source_));
  const LoadMarks unwritable{"/dev/null/loading"};
  EXPECT_TRUE(unwritable.begin(source_));
}

TEST_F(LoadMarksTest, NonsenseInAMarkIsNoDeath) {
  folder_.write(fs::relative(marks_.file(source_), folder_.path()).string(), "what\n");
  EXPECT_FALSE(marks_.suspect(source_));
  EXPECT_TRUE(marks_.begin(source_));
}

}  // namespace
}  // namespace neso
