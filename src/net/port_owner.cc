// SPDX-License-Identifier: Apache-2.0
// /proc/net/tcp tells the inode of the listening socket, the links in /proc/PID/fd who holds it.
#include "net/port_owner.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

namespace neso::net {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListening = "0A";

// As the kernel prints it: the bytes in groups of four, each a number of this machine's byte order.
std::string hex_address(const std::string& address) {
  std::array<uint32_t, 4> words{};
  size_t count = 0;
  if (::inet_pton(AF_INET, address.c_str(), words.data()) == 1) count = 1;
  if (::inet_pton(AF_INET6, address.c_str(), words.data()) == 1) count = words.size();
  std::string text;
  for (size_t i = 0; i < count; ++i) text += fmt::format("{:08X}", words[i]);
  return text;
}

bool is_wildcard(std::string_view hex) {
  return hex.find_first_not_of('0') == std::string_view::npos;
}

// The inodes, "socket:[4711]" as links name them, of the listening sockets in one of the kernel's
// tables that clash with address and port, both as the table has them.
void add_listeners(const fs::path& table, std::string_view wanted, std::string_view port,
                   std::set<std::string>& sockets) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // the columns' names
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    std::string slot, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    columns >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
        timeout >> inode;
    const size_t colon = local.find(':');
    if (colon == std::string::npos || state != kListening || local.substr(colon + 1) != port)
      continue;
    const std::string_view address = std::string_view(local).substr(0, colon);
    if (address == wanted || is_wildcard(address) || is_wildcard(wanted))
      sockets.insert(fmt::format("socket:[{}]", inode));
  }
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

std::optional<std::string> port_owner(const std::string& address, uint16_t port,
                                      const fs::path& proc) {
  const std::string wanted = hex_address(address);
  const std::string hex_port = fmt::format("{:04X}", port);
  std::set<std::string> sockets;
  add_listeners(proc / "net/tcp", wanted, hex_port, sockets);
  add_listeners(proc / "net/tcp6", wanted, hex_port, sockets);
  if (sockets.empty()) return std::nullopt;
  std::error_code error;
  for (fs::directory_iterator entry(proc, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string pid = entry->path().filename().string();
    if (!std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
      continue;
    if (!holds_one_of(entry->path(), sockets)) continue;
    std::string program;
    std::getline(std::ifstream(entry->path() / "comm"), program);
    return program.empty() ? fmt::format("pid {}", pid) : fmt::format("{} (pid {})", program, pid);
  }
  return std::nullopt;
}

}  // namespace neso::net
