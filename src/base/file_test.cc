// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "base/check.h"
#include "base/error.h"
#include "base/temporary_folder.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ReadFile, ReadsAllBytes) {
  const TemporaryFolder folder;
  const std::string content("a\0b\xff\n", 5);
  EXPECT_EQ(read_file(folder.write("f", content), 100).value(), content);
  EXPECT_EQ(read_file(folder.write("empty", ""), 0).value(), "");
}

TEST(ReadFile, TheLimitIsInclusive) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("f", "12345");
  EXPECT_EQ(read_file(path, 5).value(), "12345");
  const auto over = read_file(path, 4);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::TooLarge);
  EXPECT_THAT(over.error().message, HasSubstr(path.string()));
  EXPECT_THAT(over.error().message, HasSubstr("4 bytes"));
}

TEST(ReadFile, ReadsFilesThatDoNotStateTheirSize) {
  const auto status = read_file("/proc/self/status", 1 << 20);
  ASSERT_TRUE(status);
  EXPECT_THAT(*status, HasSubstr("Pid:"));
  const auto over = read_file("/proc/self/status", 10);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::TooLarge);
}

TEST(ReadFile, AMissingFileIsNotFoundWithItsPath) {
  const TemporaryFolder folder;
  const auto missing = read_file(folder / "nothing.json", 10);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_EQ(missing.error().message,
            "cannot open '" + (folder / "nothing.json").string() + "': No such file or directory");
  EXPECT_EQ(read_file(folder.write("f", "") / "below-a-file", 10).error().code,
            ErrorCode::NotFound);
}

TEST(ReadFile, RefusesAFolder) {
  const TemporaryFolder folder;
  const auto result = read_file(folder.path(), 10);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "'" + folder.path().string() + "' is a folder, not a regular file");
}

TEST(ReadFile, RefusesADeviceAndAPipeWithoutWaiting) {
  const TemporaryFolder folder;
  EXPECT_THAT(read_file("/dev/zero", 10).error().message, HasSubstr("is a device, pipe or socket"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(read_file(folder / "pipe", 10).error().message,
              HasSubstr("is a device, pipe or socket"));
}

TEST(ReadFile, ReportsAFailingReadAndALinkLoop) {
  const auto memory = read_file("/proc/self/mem", 10);  // address 0 cannot be read
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().message, "cannot read '/proc/self/mem': Input/output error");
  const TemporaryFolder folder;
  fs::create_symlink("loop", folder / "loop");
  EXPECT_EQ(read_file(folder / "loop", 10).error().code, ErrorCode::InvalidArgument);
}

// For its scope this process has no more rights than anybody, also when root runs the tests.
class AsNobody {
 public:
  AsNobody() { NESO_CHECK(::geteuid() != 0 || ::seteuid(65534) == 0); }
  ~AsNobody() { NESO_CHECK(::seteuid(::getuid()) == 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
};

TEST(ReadFile, TellsWhatToDoAboutAFileWithoutPermission) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("secret", "x");
  fs::permissions(path, fs::perms::none);
  const AsNobody nobody;
  const auto file = read_file(path, 10);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(file.error().message,
            fmt::format("cannot open '{}': Permission denied (this program runs as user id {}; "
                        "change the rights of it or of a folder above it)",
                        path.string(), ::geteuid()));
}

TEST(FolderAccess, IsRefusedWithoutTheRightToListOrToEnter) {
  const TemporaryFolder folder;
  EXPECT_TRUE(check_folder_access(folder.path()));
  EXPECT_EQ(check_folder_access(folder / "none").error().code, ErrorCode::NotFound);
  fs::permissions(folder.path(), fs::perms::others_read);
  {
    const AsNobody nobody;
    EXPECT_THAT(check_folder_access(folder.path()).error().message,
                AllOf(HasSubstr("cannot read the folder"), HasSubstr("Permission denied")));
  }
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(WriteFile, CreatesAndReplaces) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "f", "old"));
  ASSERT_TRUE(write_file_atomically(folder / "f", std::string("n\0w", 3)));
  EXPECT_EQ(read_file(folder / "f", 100).value(), std::string("n\0w", 3));
  EXPECT_EQ(list_folder(folder.path())->size(), 1u);
}

TEST(WriteFile, AnOpenReaderKeepsTheOldContent) {
  const TemporaryFolder folder;
  const auto mapped = MappedFile::open(folder.write("f", "old content"));
  ASSERT_TRUE(mapped);
  ASSERT_TRUE(write_file_atomically(folder / "f", "new"));
  EXPECT_EQ(as_text((*mapped)->bytes()), "old content");
}

TEST(WriteFile, AFailureLeavesNothingBehind) {
  const TemporaryFolder folder;
  EXPECT_EQ(write_file_atomically(folder / "missing/f", "x").error().code, ErrorCode::NotFound);
  fs::create_directory(folder / "target");
  const Result<> onto_folder = write_file_atomically(folder / "target", "x");
  ASSERT_FALSE(onto_folder);
  EXPECT_THAT(onto_folder.error().message,
              HasSubstr("cannot replace '" + (folder / "target").string() + "'"));
  EXPECT_EQ(list_folder(folder.path())->size(), 1u);
}

TEST(WriteFile, CanBeAskedBeforehandWithoutATrace) {
  const TemporaryFolder folder;
  EXPECT_TRUE(check_file_can_be_written(folder / "f"));
  EXPECT_TRUE(list_folder(folder.path())->empty());
  EXPECT_EQ(check_file_can_be_written(folder / "missing/f").error().code, ErrorCode::NotFound);
  EXPECT_THAT(check_file_can_be_written(folder.path()).error().message, HasSubstr("is a folder"));
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const AsNobody nobody;
  const Result<> refused = check_file_can_be_written(folder / "f");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("Permission denied"));
}

TEST(MappedFile, ShowsTheBytesWhileAnyHolderLives) {
  const TemporaryFolder folder;
  auto file = MappedFile::open(folder.write("f", "hello"));
  ASSERT_TRUE(file);
  const std::shared_ptr<const MappedFile> copy = *file;
  file->reset();
  fs::remove(folder / "f");
  EXPECT_EQ(as_text(copy->bytes()), "hello");
  EXPECT_EQ(copy->path(), folder / "f");
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  const TemporaryFolder folder;
  const auto file = MappedFile::open(folder.write("f", ""));
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->bytes().empty());
  EXPECT_TRUE((*file)->read_into(0, {}));
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(MappedFile::open(folder / "missing").error().code, ErrorCode::NotFound);
  EXPECT_EQ(MappedFile::open(folder.path()).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(MappedFile::open("/dev/zero").error().code, ErrorCode::InvalidArgument);
}

TEST(MappedFile, CopiesARangeAndChecksIt) {
  const TemporaryFolder folder;
  const auto file = MappedFile::open(folder.write("f", "0123456789"));
  ASSERT_TRUE(file);
  std::array<std::byte, 4> out{};
  ASSERT_TRUE((*file)->read_into(6, out));
  EXPECT_EQ(as_text(out), "6789");
  EXPECT_THAT((*file)->read_into(7, out).error().message, HasSubstr("bytes 7 to 11 lie outside"));
  EXPECT_FALSE((*file)->read_into(SIZE_MAX - 1, out));
}

TEST(MappedFile, ACutFileIsAnErrorNotASignal) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("f", std::string(100'000, 'x'));
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  fs::resize_file(path, 50'000);
  std::vector<std::byte> out(100'000);
  const Result<> read = (*file)->read_into(0, out);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("ends at byte 50000 although it had 100000 bytes"));
  EXPECT_TRUE((*file)->read_into(0, std::span(out).first(50'000)));
}

TEST(ListFolder, SortsAndFollowsLinks) {
  const TemporaryFolder folder;
  folder.write("b", "");
  folder.write("a/inner", "");
  fs::create_directory_symlink("a", folder / "c");
  fs::create_symlink("nowhere", folder / "d");
  const auto entries = list_folder(folder.path());
  ASSERT_TRUE(entries);
  std::string text;
  for (const FolderEntry& entry : *entries) text += entry.name + (entry.is_folder ? "/ " : " ");
  EXPECT_EQ(text, "a/ b c/ d ");
}

TEST(ListFolder, AMissingOneIsNotFoundWithItsPath) {
  const TemporaryFolder folder;
  const auto missing = list_folder(folder / "nothing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_THAT(missing.error().message, HasSubstr((folder / "nothing").string()));
  EXPECT_EQ(list_folder(folder.write("file", "")).error().code, ErrorCode::NotFound);
}

TEST(IsInside, ResolvesDotsAndNeedsWholeNames) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "root/models");
  fs::create_directories(folder / "root-other");
  const fs::path root = folder / "root";
  EXPECT_TRUE(is_inside(root, root));
  EXPECT_TRUE(is_inside(root, root / "models"));
  EXPECT_TRUE(is_inside(root, root / "not-there-yet/x"));
  EXPECT_TRUE(is_inside(root, root / "models/../models"));
  EXPECT_TRUE(is_inside(root / "", root / "models"));
  EXPECT_FALSE(is_inside(root, root / ".."));
  EXPECT_FALSE(is_inside(root, root / "models/../../root-other"));
  EXPECT_FALSE(is_inside(root, folder / "root-other"));
  EXPECT_FALSE(is_inside(root, "/etc/passwd"));
}

TEST(IsInside, ResolvesLinksOnBothSides) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "root/real");
  fs::create_directories(folder / "outside");
  fs::create_directory_symlink(folder / "outside", folder / "root/escape");
  fs::create_directory_symlink(folder / "root/real", folder / "root/stay");
  fs::create_symlink(folder / "outside/later", folder / "root/dangling");
  fs::create_directory_symlink(folder / "root", folder / "alias");
  EXPECT_FALSE(is_inside(folder / "root", folder / "root/escape/x"));
  EXPECT_FALSE(is_inside(folder / "root", folder / "root/dangling"));
  EXPECT_FALSE(is_inside(folder / "root", folder / "root/dangling/x"));
  EXPECT_TRUE(is_inside(folder / "root", folder / "root/stay/x"));
  EXPECT_TRUE(is_inside(folder / "alias", folder / "root/real"));
  EXPECT_TRUE(is_inside(folder / "root", folder / "alias/real"));
}

}  // namespace
}  // namespace neso
