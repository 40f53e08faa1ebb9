// SPDX-License-Identifier: Apache-2.0
#include "load/server_process.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

#include "net/loopback_guard.h"
#include "net/port_owner.h"

namespace neso::load {
namespace {

namespace fs = std::filesystem;

struct Process {
  int parent = 0;
  uint64_t ticks = 0;
  uint64_t resident_pages = 0;
};

// The columns behind the program's name, which may hold blanks and brackets (proc(5), stat).
std::optional<Process> read_process(const fs::path& folder) {
  std::ifstream file(folder / "stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t end_of_name = text.rfind(')');
  if (end_of_name == text.npos) return std::nullopt;
  std::istringstream columns(text.substr(end_of_name + 1));
  const std::vector<std::string> words{std::istream_iterator<std::string>(columns), {}};
  if (words.size() < 22) return std::nullopt;
  const auto number = [&](size_t column) {
    uint64_t value = 0;
    const std::string& word = words[column - 3];  // proc(5) counts from 1; two stand before these
    std::from_chars(word.data(), word.data() + word.size(), value);
    return value;
  };
  return Process{static_cast<int>(number(4)), number(14) + number(15), number(24)};
}

std::map<int, Process> read_processes(const fs::path& proc) {
  std::map<int, Process> processes;
  std::error_code error;
  for (fs::directory_iterator entry(proc, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    int pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    if (const auto process = read_process(entry->path())) processes.emplace(pid, *process);
  }
  return processes;
}

bool is_loopback(const std::string& address) {
  return address == "::1" || net::is_loopback_authority(address);
}

}  // namespace

ServerProcess ServerProcess::find(const net::Endpoint& endpoint, const fs::path& proc) {
  ServerProcess server;
  if (!is_loopback(endpoint.address)) return server;
  server.proc_ = proc;
  server.roots_ = net::port_holders(endpoint.address, endpoint.port, proc);
  if (server.roots_.empty()) return server;
  server.name_ = net::process_name(server.roots_.front(), proc);
  return server;
}

std::optional<ServerSample> ServerProcess::sample() const {
  if (roots_.empty()) return std::nullopt;
  const std::map<int, Process> processes = read_processes(proc_);
  const auto belongs = [&](int pid) {
    // Bounded, in case what was read at different moments makes a circle.
    for (int depth = 0; depth < 64; ++depth) {
      if (std::ranges::find(roots_, pid) != roots_.end()) return true;
      const auto process = processes.find(pid);
      if (process == processes.end()) return false;
      pid = process->second.parent;
    }
    return false;
  };
  ServerSample sample;
  bool any = false;
  for (const auto& [pid, process] : processes) {
    if (!belongs(pid)) continue;
    any = true;
    sample.cpu_s += static_cast<double>(process.ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
    sample.resident_bytes += process.resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }
  if (!any) return std::nullopt;
  return sample;
}

}  // namespace neso::load
