// SPDX-License-Identifier: Apache-2.0
// What the server costs, when it runs on this machine: CPU time and memory of the processes that
// listen on its port and of all that descend from them (a Python worker, a stub), from /proc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "net/http_url.h"

namespace neso::load {

struct ServerSample {
  double cpu_s = 0;             // since they started
  uint64_t resident_bytes = 0;  // shared pages count in each
};

// A difference of two samples.
struct ServerUse {
  std::optional<double> cpu_s;
  uint64_t resident_bytes = 0;  // at the end
};

class ServerProcess {
 public:
  // Finds nothing when the address is not this machine's, or when another user's process listens.
  static ServerProcess find(const net::Endpoint& endpoint,
                            const std::filesystem::path& proc = "/proc");
  ServerProcess() = default;

  explicit operator bool() const { return !roots_.empty(); }
  const std::string& name() const { return name_; }  // of the program, "neso"
  int pid() const { return roots_.empty() ? 0 : roots_.front(); }
  // Nullopt when none of them is left.
  std::optional<ServerSample> sample() const;

 private:
  std::filesystem::path proc_;
  std::vector<int> roots_;
  std::string name_;
};

}  // namespace neso::load
