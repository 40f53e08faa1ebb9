// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

// Owns a descriptor; -1 when there is none.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

// "cannot <action> '<path>': <reason of errno>".
Error system_error(std::string_view action, const fs::path& path, int code) {
  const std::string reason = std::generic_category().message(code);
  if (code == ENOENT || code == ENOTDIR) {
    return not_found("cannot {} '{}': {}", action, path.string(), reason);
  }
  if (code == EACCES) {
    return invalid_argument(
        "cannot {} '{}': {} (this program runs as user id {}; change the rights of it or of a "
        "folder above it)",
        action, path.string(), reason, ::geteuid());
  }
  if (code == EPERM || code == ELOOP || code == EISDIR || code == ENAMETOOLONG) {
    return invalid_argument("cannot {} '{}': {}", action, path.string(), reason);
  }
  return internal_error("cannot {} '{}': {}", action, path.string(), reason);
}

struct OpenFile {
  Descriptor descriptor;
  size_t size;
};

// O_NONBLOCK keeps the open of a pipe from waiting for a writer; regular files ignore it.
Result<OpenFile> open_regular(const fs::path& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) return system_error("open", path, errno);
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0) return system_error("read the size of", path, errno);
  if (!S_ISREG(status.st_mode)) {
    return invalid_argument("'{}' is {}, not a regular file", path.string(),
                            S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket");
  }
  return OpenFile{std::move(descriptor), static_cast<size_t>(status.st_size)};
}

Error file_too_large(const fs::path& path, size_t max_bytes) {
  return too_large("'{}' is larger than {} bytes, the most that is read from this kind of file",
                   path.string(), max_bytes);
}

Result<> write_all(int descriptor, const fs::path& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return system_error("write", path, errno);
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

// Writes, flushes to the disk and closes a new file.
Result<> write_new_file(const fs::path& path, std::string_view content) {
  Descriptor descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (descriptor.get() < 0) return system_error("create", path, errno);
  NESO_TRY_VOID(write_all(descriptor.get(), path, content));
  if (::fsync(descriptor.get()) != 0) return system_error("flush to disk", path, errno);
  if (::close(descriptor.release()) != 0) return system_error("close", path, errno);
  return {};
}

// A new name in the folder of `path`: the process id keeps programs apart, the counter threads.
fs::path temporary_beside(const fs::path& path) {
  static std::atomic<uint64_t> counter{0};
  const std::string name =
      fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), counter.fetch_add(1));
  return path.parent_path() / name;
}

// Makes a rename in `folder` survive a power failure.
Result<> flush_folder(const fs::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return system_error("open", folder, errno);
  if (::fsync(descriptor.get()) != 0) return system_error("flush to disk", folder, errno);
  return {};
}

}  // namespace

Result<std::string> read_file(const fs::path& path, size_t max_bytes) {
  NESO_TRY(const OpenFile file, open_regular(path));
  if (file.size > max_bytes) return file_too_large(path, max_bytes);
  // Read to the end rather than to the stated size: files of /proc state 0, and a file may grow
  // meanwhile.
  constexpr size_t kStep = size_t{64} * 1024;
  std::string content;
  size_t used = 0;
  content.resize(file.size + 1);
  for (;;) {
    if (used == content.size()) content.resize(used + std::max(used / 2, kStep));
    const ssize_t count =
        ::read(file.descriptor.get(), content.data() + used, content.size() - used);
    if (count < 0) {
      if (errno == EINTR) continue;
      return system_error("read", path, errno);
    }
    if (count == 0) break;
    used += static_cast<size_t>(count);
    if (used > max_bytes) return file_too_large(path, max_bytes);
  }
  content.resize(used);
  return content;
}

Result<> write_file_atomically(const fs::path& path, std::string_view content) {
  const fs::path temporary = temporary_beside(path);
  if (Result<> written = write_new_file(temporary, content); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    return system_error("replace", path, code);
  }
  return flush_folder(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

Result<> check_file_can_be_written(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    return invalid_argument("cannot write '{}': it is a folder", path.string());
  const fs::path temporary = temporary_beside(path);
  NESO_TRY_VOID(write_new_file(temporary, ""));
  ::unlink(temporary.c_str());
  return {};
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const fs::path& path) {
  NESO_TRY(OpenFile file, open_regular(path));
  void* data = nullptr;
  if (file.size > 0) {  // an empty mapping is refused by the system
    data = ::mmap(nullptr, file.size, PROT_READ, MAP_PRIVATE, file.descriptor.get(), 0);
    if (data == MAP_FAILED) return system_error("map", path, errno);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(
      path, file.descriptor.release(), static_cast<const std::byte*>(data), file.size));
}

MappedFile::MappedFile(fs::path path, int descriptor, const std::byte* data, size_t size)
    : path_(std::move(path)), descriptor_(descriptor), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  ::close(descriptor_);
}

Result<> MappedFile::read_into(size_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    return invalid_argument("bytes {} to {} lie outside '{}', which has {} bytes", offset,
                            offset + out.size(), path_.string(), size_);
  }
  while (!out.empty()) {
    const ssize_t count = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      return system_error("read", path_, errno);
    }
    if (count == 0) {
      return invalid_argument(
          "'{}' ends at byte {} although it had {} bytes when it was opened; it was cut short "
          "meanwhile",
          path_.string(), offset, size_);
    }
    offset += static_cast<size_t>(count);
    out = out.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<std::vector<FolderEntry>> list_folder(const fs::path& path) {
  std::error_code error;
  std::vector<FolderEntry> entries;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    std::error_code broken_link;  // reads as "no folder"
    entries.push_back({it->path().filename().string(), it->is_directory(broken_link)});
  }
  if (error) return system_error("list the folder", path, error.value());
  std::ranges::sort(entries, {}, &FolderEntry::name);
  return entries;
}

Result<> check_folder_access(const fs::path& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | X_OK, AT_EACCESS) == 0) return {};
  return system_error("read the folder", path, errno);
}

bool is_inside(const fs::path& root, const fs::path& path) {
  std::error_code error;
  const fs::path real_root = fs::weakly_canonical(root, error);
  if (error) return false;
  const fs::path real_path = fs::weakly_canonical(path, error);
  if (error) return false;
  const auto [root_end, rest] =
      std::mismatch(real_root.begin(), real_root.end(), real_path.begin(), real_path.end());
  if (root_end != real_root.end()) return false;
  // weakly_canonical leaves a link whose target does not exist as it is; such a link may point
  // anywhere.
  fs::path prefix = real_root;
  for (auto part = rest; part != real_path.end(); ++part) {
    prefix /= *part;
    if (fs::is_symlink(prefix, error)) return false;
  }
  return true;
}

}  // namespace neso
