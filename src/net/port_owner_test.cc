// SPDX-License-Identifier: Apache-2.0
#include "net/port_owner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "net/test_server.h"

namespace neso::net {
namespace {

using ::testing::EndsWith;
using ::testing::Optional;

TEST(PortOwner, F31_NamesTheProcessThatListens) {
  for (const char* address : {"127.0.0.1", "0.0.0.0"}) {
    HttpServerOptions options = test_options();
    options.address = address;
    const auto server = start_server(options, echo);
    EXPECT_THAT(port_owner("127.0.0.1", server->port()),
                Optional(EndsWith("(pid " + std::to_string(::getpid()) + ")")));
  }
}

class MadeUpProc : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/neso-proc-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    proc_ = name;
    std::filesystem::create_directories(proc_ / "net");
    std::filesystem::create_directories(proc_ / "77/fd");
    std::filesystem::create_symlink("socket:[4711]", proc_ / "77/fd/3");
    std::ofstream(proc_ / "77/comm") << "other server\n";
  }
  void TearDown() override { std::filesystem::remove_all(proc_); }

  // One socket on port 8000.
  void table(const char* name, const std::string& address, const char* state) {
    std::ofstream(proc_ / "net" / name)
        << "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid "
           "timeout inode\n"
        << "   0: " << address << ":1F40 00000000:0000 " << state
        << " 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n";
  }
  std::optional<std::string> owner(const char* address, uint16_t port = 8000) {
    return port_owner(address, port, proc_);
  }

  std::filesystem::path proc_;
};

TEST_F(MadeUpProc, MatchesAddressPortAndState) {
  table("tcp", "0100007F", "0A");
  EXPECT_EQ(owner("127.0.0.1"), "other server (pid 77)");
  EXPECT_EQ(owner("0.0.0.0"), "other server (pid 77)");
  EXPECT_EQ(owner("127.0.0.2"), std::nullopt);
  EXPECT_EQ(owner("127.0.0.1", 8001), std::nullopt);
  table("tcp", "0100007F", "01");  // a connection from that port is no listener
  EXPECT_EQ(owner("127.0.0.1"), std::nullopt);
}

TEST_F(MadeUpProc, KnowsSixthVersionsAddresses) {
  table("tcp6", std::string(32, '0'), "0A");
  EXPECT_EQ(owner("127.0.0.1"), "other server (pid 77)");
  table("tcp6", "00000000000000000000000001000000", "0A");
  EXPECT_EQ(owner("::1"), "other server (pid 77)");
  EXPECT_EQ(owner("::2"), std::nullopt);
  table("tcp6", "0000000000000000FFFF00000100007F", "0A");  // ::ffff:127.0.0.1
  EXPECT_EQ(owner("127.0.0.1"), "other server (pid 77)");
  EXPECT_EQ(owner("127.0.0.2"), std::nullopt);
}

TEST_F(MadeUpProc, SaysNothingOfWhatItCannotRead) {
  EXPECT_EQ(owner("127.0.0.1"), std::nullopt);
  table("tcp", "0100007F", "0A");
  std::filesystem::remove(proc_ / "77/comm");
  EXPECT_EQ(owner("127.0.0.1"), "pid 77");
  std::filesystem::remove(proc_ / "77/fd/3");
  EXPECT_EQ(owner("127.0.0.1"), std::nullopt);
}

}  // namespace
}  // namespace neso::net
