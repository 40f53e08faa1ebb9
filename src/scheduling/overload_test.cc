// SPDX-License-Identifier: Apache-2.0
// What clients see of a queue that is offered more than its engine can do: rows F42, F43 and F45 of
// the catalogue of faults, in simulated time, so that shares of the engine's speed can be told to a
// percent.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/metrics.h"
#include "scheduling/job_queue.h"

namespace neso {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr double kSpeed = 10'000;  // tokens a second
constexpr size_t kTokens = 20;     // of a query
constexpr double kCapacity = kSpeed / kTokens;

struct Query {
  uint64_t client = 1;
  int64_t sent_ns = 0;
  int64_t patience_ns = 200 * kMs;
  int attempts = 1;  // one that fails is sent again at once
};

struct Outcome {
  size_t offered = 0;  // not counting what is sent again
  size_t good = 0;
  size_t refused = 0;
  size_t late = 0;             // answered, but too late
  size_t expired = 0;          // not run
  size_t most_waiting = 0;     // tokens
  std::vector<int64_t> waits;  // of good answers

  double goodput(int64_t time_ns) const {
    return static_cast<double>(good) * 1e9 / static_cast<double>(time_ns);
  }
  int64_t wait(double share) {
    std::ranges::sort(waits);
    return waits.at(static_cast<size_t>(share * static_cast<double>(waits.size() - 1)));
  }
};

// An engine that needs a fifth less or a quarter more time than foretold, and clients that send as
// chance has it.
class Overload : public ::testing::Test {
 protected:
  // `load` times the capacity, from now on for `time_ns`.
  void offer(double load, int64_t time_ns, int attempts) {
    std::exponential_distribution<double> gap(load * kCapacity);
    double at_s = static_cast<double>(now_) / 1e9;
    for (uint64_t client = 0;; ++client) {
      at_s += gap(random_);
      const auto sent_ns = static_cast<int64_t>(at_s * 1e9);
      if (sent_ns >= now_ + time_ns) break;
      arrivals_.emplace(sent_ns,
                        Query{.client = 1 + client % 7, .sent_ns = sent_ns, .attempts = attempts});
      ++outcome_.offered;
    }
  }

  // What happens until then.
  Outcome run(int64_t until_ns) {
    while (now_ < until_ns) {
      const auto pulled = queue_.take(now_, engines_);
      for (const auto& [id, queued] : pulled.expired) {
        ++outcome_.expired;
        send_again(query_of(queued.job));
      }
      if (pulled.batch.empty()) {
        const int64_t next = arrivals_.empty() ? until_ns : arrivals_.begin()->first;
        arrive(std::max(now_ + 1, std::min(next + 1, until_ns)));
        continue;
      }
      engines_.running_cost = pulled.batch_cost;
      std::uniform_real_distribution<double> pace(0.8, 1.25);
      const double took_s = static_cast<double>(pulled.batch_cost) / kSpeed * pace(random_);
      arrive(now_ + static_cast<int64_t>(took_s * 1e9));
      engines_.running_cost = 0;
      engines_.ran_ns = now_;
      for (const auto& [id, queued] : pulled.batch) answer(queued.job);
      outcome_.most_waiting = std::max(outcome_.most_waiting, queue_.cost());
    }
    return std::exchange(outcome_, {});
  }

  // Tokens of a client that waits for all of them and does not mind how long.
  void send_bulk(size_t texts) {
    std::vector<Job> jobs;
    const auto scope = std::make_shared<RequestScope>(recorder_);
    for (size_t i = 0; i < texts; ++i) jobs.push_back(make_job(0, 1'000'000, scope));
    EXPECT_FALSE(queue_.push(jobs, engines_, now_));
  }

 private:
  Job make_job(int32_t query, uint64_t client, std::shared_ptr<RequestScope> scope) {
    std::vector<int32_t> ids(kTokens, query);
    ids.back() = ++made_;
    return {
        .work = SequenceWork{.ids = std::move(ids)}, .scope = std::move(scope), .client = client};
  }

  const Query& query_of(const Job& job) const {
    return queries_[static_cast<size_t>(std::get<SequenceWork>(job.work).ids.front())];
  }

  void arrive(int64_t end) {
    while (!arrivals_.empty() && arrivals_.begin()->first < end) {
      now_ = std::max(now_, arrivals_.begin()->first);
      const Query query = arrivals_.extract(arrivals_.begin()).mapped();
      queries_.push_back(query);
      std::vector<Job> jobs;
      jobs.push_back(make_job(static_cast<int32_t>(queries_.size() - 1), query.client,
                              std::make_shared<RequestScope>(recorder_)));
      jobs.front().deadline_ns = query.sent_ns + query.patience_ns;
      if (queue_.push(jobs, engines_, now_)) {
        ++outcome_.refused;
        send_again(query);
      }
    }
    now_ = end;
  }

  void answer(const Job& job) {
    if (!job.deadline_ns) return;  // bulk
    const Query& query = query_of(job);
    if (now_ > *job.deadline_ns) {
      ++outcome_.late;
      return send_again(query);
    }
    ++outcome_.good;
    outcome_.waits.push_back(now_ - query.sent_ns);
  }

  void send_again(Query query) {
    if (--query.attempts == 0) return;
    query.sent_ns = now_;
    arrivals_.emplace(now_, query);
  }

  ManualClock clock_;
  MetricRegistry metrics_;
  std::shared_ptr<StatisticsRecorder> recorder_ =
      std::make_shared<StatisticsRecorder>("m", 1, ModelMetricOptions{}, metrics_, clock_);
  std::mt19937_64 random_{42};

 protected:
  JobQueue queue_{{.limits = {.max_cost = 100, .top_up_cost = 25, .interactive_cost = 512},
                   .short_batch_ns = 3 * kMs}};
  JobQueue::Engines engines_{.cost_per_second = kSpeed};
  int64_t now_ = 0;

 private:
  std::multimap<int64_t, Query> arrivals_;
  std::vector<Query> queries_;
  Outcome outcome_;
  int32_t made_ = 0;
};

TEST_F(Overload, F42_AtThreeTimesTheCapacityTheEngineIsBusyWithWhatIsInTime) {
  offer(3, 30 * kSecond, 1);
  const Outcome outcome = run(30 * kSecond);
  EXPECT_GT(outcome.goodput(30 * kSecond), 0.9 * kCapacity);
  EXPECT_NEAR(static_cast<double>(outcome.refused) / static_cast<double>(outcome.offered), 2.0 / 3,
              0.05);
  // Who comes later may have the earlier turn; the reserve is enough for that.
  EXPECT_LE(outcome.late + outcome.expired, outcome.good / 100);
  EXPECT_LE(static_cast<double>(outcome.most_waiting), kSpeed * 0.2);
  // Two seconds later nobody notices that something was.
  offer(0.5, 4 * kSecond, 1);
  run(32 * kSecond);
  const Outcome after = run(34 * kSecond);
  EXPECT_GT(after.good, 400U);
  EXPECT_EQ(after.refused + after.late + after.expired, 0U);
}

TEST_F(Overload, F45_BlindRetriesAtTwiceTheCapacityDoNotKeepItAlive) {
  offer(2, 20 * kSecond, 4);
  const Outcome during = run(20 * kSecond);
  EXPECT_GT(during.goodput(20 * kSecond), 0.8 * kCapacity);
  run(21 * kSecond);  // whoever still waits or tries again
  ASSERT_TRUE(queue_.empty());
  offer(0.8, 10 * kSecond, 4);
  const Outcome after = run(32 * kSecond);
  EXPECT_GT(after.goodput(10 * kSecond), 0.8 * 0.8 * kCapacity);
  EXPECT_GT(static_cast<double>(after.good), 0.98 * static_cast<double>(after.offered));
}

TEST_F(Overload, F43_TenThousandTextsOfOneClientHardlyDelayTheOthers) {
  offer(0.5, 10 * kSecond, 1);
  Outcome alone = run(10 * kSecond);
  send_bulk(10'000);
  offer(0.5, 10 * kSecond, 1);
  Outcome beside = run(20 * kSecond);
  ASSERT_GT(queue_.cost(), 10'000U) << "all the time there was bulk work";
  EXPECT_EQ(beside.good, beside.offered);
  EXPECT_LE(beside.wait(0.99), 2 * alone.wait(0.99));
}

}  // namespace
}  // namespace neso
