// SPDX-License-Identifier: Apache-2.0
// Who listens on a TCP port of this machine, for the sentence that says it is taken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace neso::net {

// "nginx (pid 4711)": a process whose listening socket keeps others from this numeric address and
// port; nullopt when there is none, or when /proc does not show it to this user. `proc` is /proc,
// except in tests.
std::optional<std::string> port_owner(const std::string& address, uint16_t port,
                                      const std::filesystem::path& proc = "/proc");

}  // namespace neso::net
