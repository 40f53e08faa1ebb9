// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/log_reopen.h"
#include "base/temporary_folder.h"

namespace neso {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Logs go to a file of the test; the settings are put back afterwards.
class LogTest : public ::testing::Test {
 protected:
  LogTest() : before_(log_settings()) { apply(settings()); }
  ~LogTest() override { apply(before_); }

  LogSettings settings() const {
    LogSettings settings;
    settings.file = (folder_ / "log").string();
    return settings;
  }
  static void apply(const LogSettings& settings) {
    const Result<> applied = set_log_settings(settings);
    ASSERT_TRUE(applied) << applied.error().message;
  }
  std::string written() const {
    const auto text = read_file(folder_ / "log", 1 << 20);
    return text ? *text : text.error().message;
  }

  TemporaryFolder folder_;
  LogSettings before_;
};

TEST_F(LogTest, DefaultFormatIsTritons) {
  log_info("loading: {}:{}", "bert", 1);
  EXPECT_THAT(written(), MatchesRegex("I[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6} [0-9]+ "
                                      "log_test\\.cc:[0-9]+\\] \"loading: bert:1\"\n"));
}

TEST_F(LogTest, Iso8601FormatIsTritons) {
  LogSettings iso = settings();
  iso.format = LogFormat::Iso8601;
  apply(iso);
  log_warning("slow");
  EXPECT_THAT(written(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z W [0-9]+ "
                           "log_test\\.cc:[0-9]+\\] \"slow\"\n"));
}

TEST_F(LogTest, RecordsTheCallersLine) {
  const int line = __LINE__ + 1;
  log_error("here");
  EXPECT_THAT(written(), HasSubstr("log_test.cc:" + std::to_string(line) + "] \"here\""));
}

TEST_F(LogTest, EscapesWhatCouldForgeALine) {
  log_info("{}", "a\"b\\c\nI0101 forged\x01");
  EXPECT_THAT(written(), EndsWith("] \"a\\\"b\\\\c\\nI0101 forged\\u0001\"\n"));
}

TEST_F(LogTest, BlockIsPrintedAsItIs) {
  write_log_block("Models:", "| a |\n| b |");
  EXPECT_THAT(written(), EndsWith("] Models:\n| a |\n| b |\n"));
}

TEST_F(LogTest, LevelsCanBeTurnedOff) {
  LogSettings quiet = settings();
  quiet.info = false;
  quiet.warning = false;
  apply(quiet);
  log_info("info");
  write_log_block("block", "text");
  log_warning("warning");
  log_error("error");
  EXPECT_THAT(written(), MatchesRegex("E.*\"error\"\n"));
}

TEST_F(LogTest, VerboseIsShownFromItsLevelOn) {
  log_verbose(1, "hidden");
  LogSettings verbose = settings();
  verbose.verbose_level = 1;
  apply(verbose);
  log_verbose(1, "shown");
  log_verbose(2, "too detailed");
  EXPECT_THAT(written(), MatchesRegex("I.*\"shown\"\n"));
}

TEST_F(LogTest, LongMessageIsCutBetweenCharacters) {
  std::string message(64 * 1024 - 1, 'x');
  message += "\u00e9 tail";  // its second byte would be the first one over the limit
  log_info("{}", message);
  EXPECT_THAT(written(), EndsWith("] \"" + std::string(64 * 1024 - 1, 'x') + "\"\n"));
}

TEST_F(LogTest, AFullDiskIsCountedNotFatal) {
  LogSettings full = settings();
  full.file = "/dev/full";
  apply(full);
  const uint64_t before = dropped_log_lines();
  log_error("lost");
  log_error("lost too");
  EXPECT_EQ(dropped_log_lines(), before + 2);
}

TEST_F(LogTest, F15_AFileAtItsSizeLimitTearsNoFurtherLine) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  const uint64_t before = dropped_log_lines();
  const rlimit tight{100, unlimited.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  log_info("{}", std::string(200, 'x'));
  log_info("lost");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  log_info("whole");
  EXPECT_EQ(dropped_log_lines(), before + 2);
  EXPECT_THAT(written(), MatchesRegex("I[^\n]*xxx\nI[^\n]*\"whole\"\n"));
}

TEST_F(LogTest, F15_AReaderThatLagsHoldsUpNobody) {
  const std::string fifo = (folder_ / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  LogSettings lagging = settings();
  lagging.file = fifo;
  apply(lagging);
  const uint64_t before = dropped_log_lines();
  for (int i = 0; i < 1000; ++i) log_info("{}", std::string(10'000, 'x'));
  EXPECT_GT(dropped_log_lines(), before);
  std::string read;
  const auto read_all = [&] {
    std::array<char, 4096> piece{};
    for (ssize_t got = 0; (got = ::read(reader, piece.data(), piece.size())) > 0;)
      read.append(piece.data(), static_cast<size_t>(got));
  };
  read_all();
  log_info("caught up");
  read_all();
  EXPECT_THAT(read, MatchesRegex(".*\nI[^\n]*\"caught up\"\n"));
  ::close(reader);
}

TEST_F(LogTest, RefusesAFileThatCannotBeOpenedAndKeepsTheOld) {
  LogSettings broken = settings();
  broken.file = (folder_ / "missing/log").string();
  const Result<> applied = set_log_settings(broken);
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message, HasSubstr("missing/log"));
  log_info("still here");
  EXPECT_THAT(written(), HasSubstr("still here"));
}

TEST_F(LogTest, AppendsToAnExistingFile) {
  log_info("first");
  apply(LogSettings{});
  apply(settings());
  log_info("second");
  EXPECT_THAT(written(), MatchesRegex("I[^\n]*\"first\"\nI[^\n]*\"second\"\n"));
}

TEST_F(LogTest, F05_AFileThatWasMovedAwayIsMadeAnew) {
  log_info("first");
  std::filesystem::rename(folder_ / "log", folder_ / "log.1");
  log_info("second");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "log"));
  reopen_log_file();
  log_info("third");
  EXPECT_THAT(written(), MatchesRegex("I[^\n]*\"third\"\n"));
}

TEST_F(LogTest, SettingsChangeOneByOneWhileTheOthersStay) {
  change_log_settings({.info = false, .verbose_level = 2});
  EXPECT_FALSE(log_enabled(LogLevel::Info));
  EXPECT_TRUE(log_enabled(LogLevel::Warning));
  EXPECT_TRUE(log_verbose_enabled(2));
  change_log_settings({.warning = false, .info = true, .format = LogFormat::Iso8601});
  EXPECT_TRUE(log_enabled(LogLevel::Info));
  EXPECT_FALSE(log_enabled(LogLevel::Warning));
  EXPECT_EQ(log_settings().verbose_level, 2);
  EXPECT_EQ(log_settings().file, settings().file);
  log_info("in the new format");
  EXPECT_THAT(written(), MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T.*Z I [0-9]+ .*\n"));
}

TEST_F(LogTest, ChangesOfSeveralThreadsAreNotLost) {
  std::thread other([] {
    for (int i = 0; i < 1000; ++i) change_log_settings({.warning = i % 2 == 0});
  });
  for (int i = 0; i < 1000; ++i) change_log_settings({.verbose_level = i});
  other.join();
  EXPECT_EQ(log_settings().verbose_level, 999);
  EXPECT_FALSE(log_settings().warning);
}

TEST(LogFormatWords, AreTritons) {
  EXPECT_EQ(log_format_from("ISO8601"), LogFormat::Iso8601);
  EXPECT_EQ(log_format_from("default"), LogFormat::Default);
  EXPECT_EQ(log_format_from("iso8601"), std::nullopt);
}

TEST_F(LogTest, LinesOfSeveralThreadsStayWhole) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 50; ++i) log_info("{}", std::string(200, 'x'));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = written();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
  const std::string end = "] \"" + std::string(200, 'x') + "\"\n";
  for (size_t at = 0; at < text.size();) {
    const size_t next = text.find('\n', at) + 1;
    EXPECT_THAT(text.substr(at, next - at), EndsWith(end));
    at = next;
  }
}

}  // namespace
}  // namespace neso
