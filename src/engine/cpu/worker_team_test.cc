// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/worker_team.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace neso {
namespace {

std::unique_ptr<WorkerTeam> team_of(size_t members) {
  auto team = WorkerTeam::create(members);
  EXPECT_TRUE(team.has_value());
  return *std::move(team);
}

TEST(WorkerTeam, EveryMemberWorksOncePerRun) {
  for (const size_t members : {1, 2, 5}) {
    const auto team = team_of(members);
    EXPECT_EQ(team->members(), members);
    std::vector<std::atomic<int>> calls(members);
    for (int run = 0; run < 300; ++run) {
      team->run([&](size_t member) { calls[member].fetch_add(1); });
      for (const auto& count : calls) ASSERT_EQ(count.load(), run + 1);
    }
  }
}

TEST(WorkerTeam, CallerIsMemberZero) {
  const auto team = team_of(3);
  std::thread::id zero;
  std::array<std::thread::id, 3> ids;
  team->run([&](size_t member) { ids[member] = std::this_thread::get_id(); });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_NE(ids[1], ids[0]);
  EXPECT_NE(ids[2], ids[1]);
}

TEST(WorkerTeam, MembersThatParkedWakeUp) {
  const auto team = team_of(2);
  std::atomic<int> calls = 0;
  for (int run = 0; run < 5; ++run) {
    // Much longer than members spin.
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
    team->run([&](size_t) { calls.fetch_add(1); });
  }
  EXPECT_EQ(calls.load(), 10);
}

TEST(Barrier, NobodyPassesBeforeAllHaveArrived) {
  constexpr size_t kMembers = 4;
  const auto team = team_of(kMembers);
  Barrier barrier(kMembers);
  std::atomic<int> arrived = 0;
  std::atomic<int> early = 0;
  team->run([&](size_t) {
    for (int round = 1; round <= 200; ++round) {
      arrived.fetch_add(1);
      barrier.arrive_and_wait();
      if (arrived.load() < round * static_cast<int>(kMembers)) early.fetch_add(1);
      barrier.arrive_and_wait();
    }
  });
  EXPECT_EQ(early.load(), 0);
  EXPECT_EQ(arrived.load(), 200 * static_cast<int>(kMembers));
}

}  // namespace
}  // namespace neso
