// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_table.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

namespace neso::net {

std::string hex_address(const std::string& address) {
  std::array<uint32_t, 4> words{};
  size_t count = 0;
  if (::inet_pton(AF_INET, address.c_str(), words.data()) == 1) count = 1;
  if (::inet_pton(AF_INET6, address.c_str(), words.data()) == 1) count = words.size();
  std::string text;
  for (size_t i = 0; i < count; ++i) text += fmt::format("{:08X}", words[i]);
  return text;
}

namespace {

// ::ffff:127.0.0.1, which sockets for both versions have, is 127.0.0.1.
std::string without_mapping(std::string address) {
  constexpr std::string_view kMapped = "0000000000000000FFFF0000";
  if (address.starts_with(kMapped)) address.erase(0, kMapped.size());
  return address;
}

}  // namespace

std::vector<TcpRow> tcp_rows(uint16_t local_port, const std::filesystem::path& proc) {
  const std::string port = fmt::format("{:04X}", local_port);
  const std::string column_end = ":" + port + " ";
  std::vector<TcpRow> rows;
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    std::ifstream file(proc / table);
    std::string line;
    std::getline(file, line);  // the columns' names
    while (std::getline(file, line)) {
      // Tables of busy servers have a hundred thousand rows.
      if (line.find(column_end) == std::string::npos) continue;
      std::istringstream columns(line);
      std::string slot, local, remote, state, queues, timer, retransmits, user, timeout, inode;
      columns >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
          timeout >> inode;
      const size_t colon = local.find(':');
      if (colon == std::string::npos || local.substr(colon + 1) != port) continue;
      rows.push_back({without_mapping(local.substr(0, colon)), local_port, std::move(state),
                      std::move(inode)});
    }
  }
  return rows;
}

}  // namespace neso::net
