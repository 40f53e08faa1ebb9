// SPDX-License-Identifier: Apache-2.0
// A short text that changes with every change of files: their names, sizes and times of change.
// Nothing is read but directories.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace neso {

// Of the files that lie in these folders themselves, not in folders below them.
std::string folders_fingerprint(std::span<const std::filesystem::path> folders);
// Of all files in the folder and below it.
std::string tree_fingerprint(const std::filesystem::path& folder);

// FNV-1a: the same in every run and build.
uint64_t hash_of(std::string_view text);

}  // namespace neso
