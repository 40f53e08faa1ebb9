// SPDX-License-Identifier: Apache-2.0
// A mark is one line: deaths so far and the one that now may come, the process that loads, and the
// fingerprint of the files.
#include "model/loading/load_marks.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "model/loading/files_fingerprint.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxMarkBytes = 4096;

struct Mark {
  int loads = 0;
  pid_t process = 0;
  std::string fingerprint;
};

std::optional<Mark> read_mark(const fs::path& file) {
  const auto text = read_file(file, kMaxMarkBytes);
  if (!text) return std::nullopt;
  std::istringstream in(*text);
  Mark mark;
  if (in >> mark.loads >> mark.process >> mark.fingerprint) return mark;
  return std::nullopt;
}

// Another server that is loading the same files right now. In a container a restarted process often
// has the number of the one before it, so our own number is no other's.
bool belongs_to_a_living_other(const Mark& mark) {
  return mark.process > 0 && mark.process != getpid() &&
         (kill(mark.process, 0) == 0 || errno == EPERM);
}

}  // namespace

std::string files_fingerprint(const ModelSource& source) {
  const fs::path folders[] = {source.model_folder, source.version_folder()};
  return folders_fingerprint(folders);
}

LoadMark::~LoadMark() {
  std::error_code ignored;
  if (!file_.empty()) fs::remove(file_, ignored);
}

fs::path LoadMarks::file(const ModelSource& source) const {
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(source.version_folder(), error);
  return folder_ / fmt::format("{}-{}-{:08x}.loading", source.name, source.version,
                               static_cast<uint32_t>(hash_of(folder.string())));
}

int LoadMarks::deaths(const ModelSource& source) const {
  if (folder_.empty()) return 0;
  const auto mark = read_mark(file(source));
  if (!mark || mark->fingerprint != files_fingerprint(source)) return 0;
  return mark->loads - (belongs_to_a_living_other(*mark) ? 1 : 0);
}

Result<LoadMark> LoadMarks::begin(const ModelSource& source) const {
  if (folder_.empty()) return LoadMark();
  const fs::path path = file(source);
  const int before = deaths(source);
  if (before >= kMostDeaths) {
    return not_ready(
        "loading it ended the server {} times in a row (a crash, or the system's out-of-memory "
        "killer; see the system's log), so it is skipped; replace its files, or delete {} to try "
        "again",
        before, path.string());
  }
  std::error_code error;
  fs::create_directories(folder_, error);
  const std::string line =
      fmt::format("{} {} {}\n", before + 1, getpid(), files_fingerprint(source));
  if (auto written = write_file_atomically(path, line); !written) {
    log_verbose(1, "model '{}': a crash while it loads will not be remembered: {}", source.name,
                written.error().message);
    return LoadMark();
  }
  return LoadMark(path);
}

}  // namespace neso
