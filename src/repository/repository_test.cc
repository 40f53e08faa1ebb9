// SPDX-License-Identifier: Apache-2.0
// Models that come and go while a server runs.
#include "repository/repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/temporary_folder.h"
#include "repository/repository_poller.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// "name:version STATE reason" of each line of the index.
std::vector<std::string> lines(const std::vector<IndexEntry>& index) {
  std::vector<std::string> lines;
  for (const IndexEntry& entry : index) {
    std::string line = entry.name;
    if (entry.version) line += ":" + std::to_string(*entry.version);
    if (!entry.state.empty()) line += " " + entry.state;
    if (!entry.reason.empty()) line += " " + entry.reason;
    lines.push_back(line);
  }
  return lines;
}

class RepositoryTest : public ::testing::Test {
 protected:
  void add_version(const std::string& model, int version, const std::string& graph = "simple") {
    const fs::path folder = folder_.path() / model / std::to_string(version);
    fs::create_directories(folder);
    fs::copy_file(fs::path(NESO_TEST_ONNX) / (graph + ".onnx"), folder / "model.onnx",
                  fs::copy_options::overwrite_existing);
  }
  // A change that every file system notices: the size is another one.
  void touch(const std::string& model) {
    std::ofstream(folder_.path() / model / "config.pbtxt", std::ios::app) << "# changed\n";
  }
  void open(ModelControl control, std::vector<std::string> startup = {}) {
    RepositoryOptions options{
        .folders = {folder_.path()}, .control = control, .startup_models = std::move(startup)};
    options.engine.onnx_runtime_library = NESO_TEST_ONNX_RUNTIME;
    options.rate_limiter = rate_limiter_;
    auto repository = Repository::open(options, metrics_, clock_);
    ASSERT_TRUE(repository) << repository.error().message;
    repository_ = std::move(repository).value();
  }
  std::string load(const std::string& model, const ModelOverrides& overrides = {}) {
    const auto loaded = repository_->load(model, overrides);
    return loaded ? "" : loaded.error().message;
  }
  std::vector<std::string> index() { return lines(repository_->index()); }
  int64_t batch_size(const std::string& model) {
    return repository_->find(model, {})->config().max_batch_size;
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  std::shared_ptr<RateLimiter> rate_limiter_;
  std::unique_ptr<Repository> repository_;
};

TEST_F(RepositoryTest, ExplicitStartsWithWhatIsNamedAndKnowsTheRest) {
  add_version("a", 1);
  add_version("b", 1);
  open(ModelControl::Explicit, {"b"});
  EXPECT_THAT(index(), ElementsAre("a", "b:1 READY"));
  EXPECT_TRUE(repository_->all_ready());
  EXPECT_EQ(repository_->lookup("a", {}).error().message,
            "Request for unknown model: 'a' is not found");
}

TEST_F(RepositoryTest, AModelThatNeedsMoreThanThereIsIsRefused) {
  for (const std::string model : {"m", "n"}) {
    add_version(model, 1);
    std::ofstream(folder_.path() / model / "config.pbtxt")
        << "instance_group { count: 1 rate_limiter { resources { name: \"r\" count: 2 } } }";
  }
  rate_limiter_ = std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"r", 1, {}}});
  open(ModelControl::Explicit);
  EXPECT_THAT(load("m"), HasSubstr("Resource count for \"r\" is limited to 1"));
  rate_limiter_ = std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"r", 2, {}}});
  open(ModelControl::Explicit);
  EXPECT_EQ(load("m"), "");
  EXPECT_EQ(load("n"), "");
  touch("m");
  EXPECT_EQ(load("m"), "") << "the new one is enrolled beside the old one";
  EXPECT_TRUE(repository_->unload("m"));
  rate_limiter_ = nullptr;
  open(ModelControl::Explicit);
  EXPECT_EQ(load("m"), "");
}

TEST_F(RepositoryTest, ExplicitWithoutNamesStartsEmptyAndReady) {
  add_version("a", 1);
  open(ModelControl::Explicit);
  EXPECT_THAT(index(), ElementsAre("a"));
  EXPECT_TRUE(repository_->all_ready());
}

TEST_F(RepositoryTest, AStarIsEveryModel) {
  add_version("a", 1);
  add_version("b", 1);
  open(ModelControl::Explicit, {"*"});
  EXPECT_THAT(index(), ElementsAre("a:1 READY", "b:1 READY"));
}

TEST_F(RepositoryTest, AStartupModelThatIsNotThereIsNotReady) {
  open(ModelControl::Explicit, {"ghost"});
  EXPECT_FALSE(repository_->all_ready());
  EXPECT_THAT(index(),
              ElementsAre(HasSubstr("ghost UNAVAILABLE no model repository has a folder")));
}

TEST_F(RepositoryTest, LoadsAndUnloads) {
  add_version("a", 1);
  open(ModelControl::Explicit);
  EXPECT_EQ(load("a"), "");
  EXPECT_THAT(index(), ElementsAre("a:1 READY"));
  EXPECT_TRUE(repository_->unload("a"));
  EXPECT_THAT(index(), ElementsAre("a:1 UNAVAILABLE unloaded"));
  EXPECT_EQ(repository_->lookup("a", {}).error().message,
            "Request for unknown model: 'a' has no available versions");
  EXPECT_EQ(repository_->lookup("a", 1).error().code, ErrorCode::NotReady);
  EXPECT_TRUE(repository_->all_ready()) << "what nobody wants spoils nothing";
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("nv_inference_count"))) << "its series are gone";
  EXPECT_EQ(load("a"), "");
  EXPECT_THAT(index(), ElementsAre("a:1 READY"));
}

TEST_F(RepositoryTest, UnloadingWhatIsUnknownIsFine) {
  open(ModelControl::Explicit);
  EXPECT_TRUE(repository_->unload("ghost"));
  EXPECT_TRUE(index().empty());
}

TEST_F(RepositoryTest, LoadingWhatIsNotThereIsTritonsError) {
  open(ModelControl::Explicit);
  for (const char* name : {"ghost", "", "..", "a/b", ".hidden"}) {
    EXPECT_EQ(load(name),
              "failed to load '" + std::string(name) + "', failed to poll from model repository");
  }
}

TEST_F(RepositoryTest, OnlyExplicitLetsClientsLoad) {
  add_version("a", 1);
  for (const ModelControl control : {ModelControl::None, ModelControl::Poll}) {
    open(control);
    const auto refused = repository_->load("a", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::NotReady);
    EXPECT_EQ(refused.error().message,
              "explicit model load / unload is not allowed if polling is enabled");
    EXPECT_FALSE(repository_->unload("a"));
  }
}

TEST_F(RepositoryTest, ALoadWithoutChangesKeepsTheModel) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  const auto before = repository_->find("a", {});
  EXPECT_EQ(load("a"), "");
  EXPECT_EQ(repository_->find("a", {}), before);
  touch("a");
  EXPECT_EQ(load("a"), "");
  EXPECT_NE(repository_->find("a", {}), before);
}

TEST_F(RepositoryTest, TheOldModelLivesAsLongAsItIsHeld) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  auto held = repository_->find("a", {});
  const std::weak_ptr<Model> watched = held;
  touch("a");
  EXPECT_EQ(load("a"), "");
  EXPECT_FALSE(watched.expired());
  std::thread([last = std::move(held)]() mutable { last = nullptr; }).join();
  EXPECT_TRUE(watched.expired());
}

TEST_F(RepositoryTest, AReloadThatFailsLeavesTheOldModelServing) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  const auto before = repository_->find("a", {});
  folder_.write("a/1/model.onnx", "no graph");
  EXPECT_THAT(load("a"),
              HasSubstr("load failed for model 'a': version 1 is at UNAVAILABLE state: "));
  EXPECT_EQ(repository_->find("a", {}), before);
  EXPECT_THAT(index(), ElementsAre("a:1 READY"));
  EXPECT_TRUE(repository_->all_ready());
  add_version("a", 1);
  EXPECT_EQ(load("a"), "") << "tried again, although the files may look the same";
  EXPECT_NE(repository_->find("a", {}), before);
}

TEST_F(RepositoryTest, F46_ANewVersionThatFailsLeavesTheOldOneServing) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  const auto before = repository_->find("a", {});
  folder_.write("a/2/model.onnx", "no graph");
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_THAT(load("a"), HasSubstr("version 2 is at UNAVAILABLE state: "));
    EXPECT_EQ(repository_->find("a", {}), before);
    EXPECT_THAT(index(), ElementsAre("a:1 READY", HasSubstr("a:2 UNAVAILABLE ")));
  }
  EXPECT_TRUE(repository_->all_ready());
  add_version("a", 2);
  EXPECT_EQ(load("a"), "");
  EXPECT_THAT(index(), ElementsAre("a:2 READY"));
}

TEST_F(RepositoryTest, AConfigThatBreaksLeavesTheOldModelServingAndTheReasonIsTold) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  folder_.write("a/config.pbtxt", "colour: 1");
  EXPECT_THAT(load("a"), HasSubstr("failed to poll from model repository: "));
  EXPECT_THAT(load("a"), HasSubstr("colour"));
  EXPECT_THAT(index(), ElementsAre("a:1 READY"));
}

TEST_F(RepositoryTest, AFailedFirstLoadIsTold) {
  folder_.write("a/1/model.onnx", "no graph");
  open(ModelControl::Explicit);
  EXPECT_THAT(load("a"), HasSubstr("load failed for model 'a'"));
  EXPECT_THAT(index(), ElementsAre(HasSubstr("a:1 UNAVAILABLE ")));
  EXPECT_TRUE(repository_->all_ready()) << "the server is as ready as before";
  folder_.write("b/1/readme", "");
  fs::remove_all(folder_.path() / "b/1");
  EXPECT_EQ(load("b"),
            "load failed for model 'b': at least one version must be available under the version "
            "policy of model 'b'\n");
}

TEST_F(RepositoryTest, NewVersionsComeAndOldOnesGo) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  add_version("a", 2);
  EXPECT_EQ(load("a"), "");
  EXPECT_THAT(index(), ElementsAre("a:2 READY")) << "latest 1 is the default policy";
}

TEST_F(RepositoryTest, AConfigOverrideStaysUntilTheModelIsUnloaded) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  EXPECT_EQ(batch_size("a"), 4);
  EXPECT_EQ(load("a", {.config_json = R"({"max_batch_size": 2})"}), "");
  EXPECT_EQ(batch_size("a"), 2);
  EXPECT_EQ(load("a"), "");
  EXPECT_EQ(batch_size("a"), 2);
  EXPECT_TRUE(repository_->unload("a"));
  EXPECT_EQ(load("a"), "");
  EXPECT_EQ(batch_size("a"), 4);
}

TEST_F(RepositoryTest, AConfigOverrideIsCheckedLikeAFile) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  for (const char* config :
       {"{", R"({"colour": 1})", R"({"name": "other"})", R"({"max_batch_size": -1})"}) {
    EXPECT_THAT(load("a", {.config_json = config}),
                HasSubstr("failed to load 'a', failed to poll from model repository: "))
        << config;
  }
  EXPECT_EQ(batch_size("a"), 4);
}

// An example among Triton's clients asks for these words.
TEST_F(RepositoryTest, AFileOverrideWithATooLongNameFailsAsInTriton) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  EXPECT_THAT(load("a", {.config_json = "{}", .files = {{std::string(256, 'A'), "x"}}}),
              AllOf(HasSubstr("failed to load 'a', failed to poll from model repository: "),
                    HasSubstr("255 bytes")));
  EXPECT_EQ(batch_size("a"), 4);
}

std::string content_of(const std::string& graph) {
  std::ostringstream text;
  text << std::ifstream(fs::path(NESO_TEST_ONNX) / (graph + ".onnx"), std::ios::binary).rdbuf();
  return text.str();
}

TEST_F(RepositoryTest, FilesOfTheRequestReplaceTheFolder) {
  open(ModelControl::Explicit);
  EXPECT_EQ(load("sent", {.config_json = "{}", .files = {{"3/model.onnx", content_of("simple")}}}),
            "");
  EXPECT_THAT(index(), ElementsAre("sent:3 READY"));
  EXPECT_TRUE(repository_->unload("sent"));
}

TEST_F(RepositoryTest, FilesOfTheRequestStayInTheirFolderAndNeedAConfig) {
  open(ModelControl::Explicit);
  EXPECT_THAT(load("sent", {.files = {{"1/model.onnx", content_of("simple")}}}),
              HasSubstr("Load parameter 'config' must be specified for model file override"));
  for (const char* path : {"../x", "/tmp/x", "1/../../x", "", "1/"}) {
    EXPECT_THAT(load("sent", {.config_json = "{}", .files = {{path, "x"}}}),
                HasSubstr("does not lie in the model's folder"))
        << path;
  }
}

TEST_F(RepositoryTest, PollingFollowsTheFolders) {
  add_version("a", 1);
  add_version("gone", 1);
  open(ModelControl::Poll);
  const auto before = repository_->find("a", {});
  repository_->poll();
  EXPECT_EQ(repository_->find("a", {}), before);
  add_version("new", 1);
  touch("a");
  fs::remove_all(folder_.path() / "gone");
  repository_->poll();
  EXPECT_THAT(index(), ElementsAre("a:1 READY", "new:1 READY"));
  EXPECT_NE(repository_->find("a", {}), before);
}

TEST_F(RepositoryTest, PollingTriesAgainWhatFailed) {
  folder_.write("a/1/model.onnx", "no graph");
  open(ModelControl::Poll);
  EXPECT_FALSE(repository_->all_ready());
  add_version("a", 1);
  repository_->poll();
  EXPECT_THAT(index(), ElementsAre("a:1 READY"));
  EXPECT_TRUE(repository_->all_ready());
}

TEST_F(RepositoryTest, ManyThreadsLoadAndUnloadOneModel) {
  add_version("a", 1);
  open(ModelControl::Explicit, {"a"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 5; ++i) {
        if (t % 2 == 0) {
          EXPECT_TRUE(repository_->load("a", {}));
        } else {
          EXPECT_TRUE(repository_->unload("a"));
        }
        (void)repository_->index();
        (void)repository_->lookup("a", {});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(repository_->load("a", {}));
  EXPECT_THAT(index(), ElementsAre("a:1 READY"));
}

TEST_F(RepositoryTest, APollerEndsWhileItWaits) {
  open(ModelControl::Poll);
  EXPECT_TRUE(RepositoryPoller::start(*repository_, std::chrono::hours(1)));
}

}  // namespace
}  // namespace neso
