// SPDX-License-Identifier: Apache-2.0
// A mark on disk for each model version that is being loaded. One that is found at the next start
// tells that the load ended the process (out of memory, a crash in a library); a version that did
// so three times in a row is not tried again until its files change.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "model/loading/model_files.h"

namespace neso {

// The mark of one load; removed with this object, however the load ended.
class LoadMark {
 public:
  LoadMark() = default;  // none
  explicit LoadMark(std::filesystem::path file) : file_(std::move(file)) {}
  LoadMark(LoadMark&& other) noexcept : file_(std::move(other.file_)) { other.file_.clear(); }
  LoadMark& operator=(LoadMark&&) = delete;
  ~LoadMark();

 private:
  std::filesystem::path file_;  // empty: none
};

// Any thread; different versions at a time.
class LoadMarks {
 public:
  static constexpr int kMostDeaths = 3;

  // Marks are kept in `folder`; empty: nowhere. A folder that cannot be written only costs the
  // protection.
  explicit LoadMarks(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Whether a load of these very files has ended a process.
  bool suspect(const ModelSource& source) const { return deaths(source) > 0; }
  // Marks a load that begins. NotReady, naming the mark to delete, when kMostDeaths of them ended
  // the process.
  Result<LoadMark> begin(const ModelSource& source) const;

  std::filesystem::path file(const ModelSource& source) const;

 private:
  int deaths(const ModelSource& source) const;
  const std::filesystem::path folder_;
};

// Changes with every change of the version's files: names, sizes, times of change.
std::string files_fingerprint(const ModelSource& source);

}  // namespace neso
