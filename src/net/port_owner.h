// SPDX-License-Identifier: Apache-2.0
// Who listens on a TCP port of this machine, for the sentence that says it is taken and
// for who measures that process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace neso::net {

// "nginx (pid 4711)": a process whose listening socket keeps others from this numeric address and
// port; nullopt when there is none, or when /proc does not show it to this user. `proc` is /proc,
// except in tests.
std::optional<std::string> port_owner(const std::string& address, uint16_t port,
                                      const std::filesystem::path& proc = "/proc");

// The ids of all of them: one, or the workers that share the socket.
std::vector<int> port_holders(const std::string& address, uint16_t port,
                              const std::filesystem::path& proc = "/proc");

// The name of its program; empty when it is gone.
std::string process_name(int pid, const std::filesystem::path& proc = "/proc");

}  // namespace neso::net
