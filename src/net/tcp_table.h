// SPDX-License-Identifier: Apache-2.0
// The kernel's tables of TCP sockets: /proc/net/tcp and tcp6.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace neso::net {

struct TcpRow {
  std::string local_address;  // as the kernel prints it, see hex_address()
  uint16_t local_port = 0;
  std::string state;
  std::string inode;
};
inline constexpr std::string_view kTcpListening = "0A";
inline constexpr std::string_view kTcpHalfOpen = "03";  // the peer's first segment came (SYN_RECV)

// Those whose own port it is; empty where there are no tables.
std::vector<TcpRow> tcp_rows(uint16_t local_port, const std::filesystem::path& proc = "/proc");

// As in the tables: the bytes in groups of four, each a number of this machine's byte order.
std::string hex_address(const std::string& address);

}  // namespace neso::net
