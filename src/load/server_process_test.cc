// SPDX-License-Identifier: Apache-2.0
#include "load/server_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace neso::load {
namespace {

namespace fs = std::filesystem;

// A /proc in which process 77 listens on 127.0.0.1:8000, has the child 78 and the grandchild 79.
class MadeUpServer : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/neso-server-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    proc_ = name;
    fs::create_directories(proc_ / "net");
    fs::create_directories(proc_ / "77/fd");
    fs::create_symlink("socket:[4711]", proc_ / "77/fd/3");
    std::ofstream(proc_ / "77/comm") << "a server\n";
    std::ofstream(proc_ / "net/tcp")
        << "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid "
           "timeout inode\n"
        << "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000      "
           "  0 4711 1 0 100 0 0 10 0\n";
    process(77, 1, 100, 50, 10);
    process(78, 77, 10, 5, 20);
    process(79, 78, 1, 0, 30);
    process(80, 1, 1000, 1000, 1000);
  }
  void TearDown() override { fs::remove_all(proc_); }

  void process(int pid, int parent, int user_ticks, int system_ticks, int pages) {
    const fs::path folder = proc_ / std::to_string(pid);
    fs::create_directories(folder);
    std::ofstream(folder / "stat")
        << pid << " (na) me () S " << parent << " 1 1 0 -1 0 1 2 3 4 " << user_ticks << ' '
        << system_ticks << " 0 0 20 0 1 0 12345 9999999 " << pages << " 18446744073709551615 1\n";
  }

  fs::path proc_;
};

TEST_F(MadeUpServer, IsSummedUpWithItsDescendants) {
  const auto server = ServerProcess::find({"127.0.0.1", 8000}, proc_);
  EXPECT_EQ(server.pid(), 77);
  EXPECT_EQ(server.name(), "a server");
  const auto sample = server.sample();
  ASSERT_TRUE(sample);
  EXPECT_DOUBLE_EQ(sample->cpu_s * static_cast<double>(sysconf(_SC_CLK_TCK)), 166);
  EXPECT_EQ(sample->resident_bytes, 60U * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST_F(MadeUpServer, IsOnlyLookedForOnThisMachine) {
  EXPECT_EQ(ServerProcess::find({"192.0.2.1", 8000}, proc_).pid(), 0);
  EXPECT_EQ(ServerProcess::find({"127.0.0.1", 8001}, proc_).pid(), 0);
  EXPECT_FALSE(ServerProcess().sample());
}

TEST_F(MadeUpServer, ThatHasEndedGivesNoSample) {
  const auto server = ServerProcess::find({"127.0.0.1", 8000}, proc_);
  fs::remove_all(proc_ / "77");
  fs::remove_all(proc_ / "78");
  fs::remove_all(proc_ / "79");
  EXPECT_FALSE(server.sample());
}

}  // namespace
}  // namespace neso::load
