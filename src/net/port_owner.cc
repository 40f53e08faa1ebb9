// SPDX-License-Identifier: Apache-2.0
// /proc/net/tcp tells the inode of the listening socket, the links in /proc/PID/fd who holds it.
#include "net/port_owner.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>

#include "net/tcp_table.h"

namespace neso::net {
namespace {

namespace fs = std::filesystem;

bool is_wildcard(std::string_view hex) {
  return hex.find_first_not_of('0') == std::string_view::npos;
}

// As links name them, "socket:[4711]": the listening sockets that clash with address and port.
std::set<std::string> clashing_sockets(const std::string& address, uint16_t port,
                                       const fs::path& proc) {
  const std::string wanted = hex_address(address);
  std::set<std::string> sockets;
  for (const TcpRow& row : tcp_rows(port, proc)) {
    const std::string& local = row.local_address;
    if (row.state != kTcpListening) continue;
    if (local == wanted || is_wildcard(local) || is_wildcard(wanted))
      sockets.insert(fmt::format("socket:[{}]", row.inode));
  }
  return sockets;
}

bool holds_one_of(const fs::path& process, const std::set<std::string>& sockets) {
  std::error_code error;
  for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (sockets.contains(fs::read_symlink(entry->path(), ignored).string())) return true;
  }
  return false;
}

}  // namespace

std::vector<int> port_holders(const std::string& address, uint16_t port, const fs::path& proc) {
  std::vector<int> holders;
  const std::set<std::string> sockets = clashing_sockets(address, port, proc);
  if (sockets.empty()) return holders;
  std::error_code error;
  for (fs::directory_iterator entry(proc, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    int pid = 0;
    const auto [stop, not_a_number] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (not_a_number != std::errc() || stop != name.data() + name.size()) continue;
    if (holds_one_of(entry->path(), sockets)) holders.push_back(pid);
  }
  std::ranges::sort(holders);
  return holders;
}

std::string process_name(int pid, const fs::path& proc) {
  std::string name;
  std::getline(std::ifstream(proc / std::to_string(pid) / "comm"), name);
  return name;
}

std::optional<std::string> port_owner(const std::string& address, uint16_t port,
                                      const fs::path& proc) {
  const std::vector<int> holders = port_holders(address, port, proc);
  if (holders.empty()) return std::nullopt;
  const std::string program = process_name(holders.front(), proc);
  if (program.empty()) return fmt::format("pid {}", holders.front());
  return fmt::format("{} (pid {})", program, holders.front());
}

}  // namespace neso::net
