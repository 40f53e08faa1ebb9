// SPDX-License-Identifier: Apache-2.0
#include "base/affinity.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace neso {
namespace {

std::optional<int> parse_core(std::string_view text) {
  int core = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), core);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (core < 0 || core >= CPU_SETSIZE) return std::nullopt;
  return core;
}

// "3" or "0-3".
std::optional<std::pair<int, int>> parse_range(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = parse_core(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_core(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return std::pair(*first, *last);
}

}  // namespace

std::optional<std::vector<int>> parse_core_list(std::string_view text) {
  std::vector<int> cores;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const auto range = parse_range(text.substr(0, comma));
    if (!range) return std::nullopt;
    for (int core = range->first; core <= range->second; ++core) cores.push_back(core);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  std::ranges::sort(cores);
  cores.erase(std::ranges::unique(cores).begin(), cores.end());
  return cores;
}

std::string core_list(std::span<const int> cores) {
  std::string text;
  for (size_t begin = 0, end = 0; begin < cores.size(); begin = end) {
    for (end = begin + 1; end < cores.size() && cores[end] == cores[end - 1] + 1;) ++end;
    if (!text.empty()) text += ',';
    text += fmt::format("{}", cores[begin]);
    if (end - begin > 1) text += fmt::format("-{}", cores[end - 1]);
  }
  return text;
}

std::vector<int> allowed_cores() {
  std::vector<int> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

Result<> bind_this_thread(std::span<const int> cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) return {};
  return invalid_argument("the system does not let threads run on cores {}: {}", core_list(cores),
                          std::strerror(errno));
}

BoundThread::~BoundThread() {
  if (bound_) static_cast<void>(bind_this_thread(before_));
}

Result<> BoundThread::bind(std::span<const int> cores) {
  if (cores.empty() && !bound_) return {};
  if (before_.empty())
    return invalid_argument("the system does not say on which cores threads may run");
  NESO_TRY_VOID(bind_this_thread(cores.empty() ? std::span<const int>(before_) : cores));
  bound_ = !cores.empty();
  return {};
}

}  // namespace neso
