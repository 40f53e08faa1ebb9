// SPDX-License-Identifier: Apache-2.0
// For tests: a stage whose time jumps from event to event, and a server that the test scripts. No
// thread, no socket, no clock of the machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "load/call.h"

namespace neso::load {

inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSecond = 1000 * kMs;

class ManualStage final : public Stage {
 public:
  struct Answer {
    int64_t at_ns;
    Outcome outcome = {};
  };
  // Says when the call that is made now ends, and how. Beyond its deadline it ends with a timeout.
  std::function<Answer(int64_t now_ns)> server;
  std::vector<size_t> numbers;  // of the requests, in order
  size_t under_way = 0;
  size_t most_under_way = 0;

  int64_t now_ns() const override { return now_ns_; }

  std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) override {
    return std::make_unique<ManualAlarm>(*this, std::move(ring));
  }
  std::unique_ptr<Caller> make_caller(OnOutcome on_outcome) override {
    return std::make_unique<ManualCaller>(*this, std::move(on_outcome));
  }

  // Until nothing is left to happen.
  void run() {
    while (!events_.empty()) {
      auto event = events_.extract(events_.begin());
      now_ns_ = std::max(now_ns_, event.key());
      event.mapped()();
    }
  }

 private:
  class ManualAlarm final : public Alarm {
   public:
    ManualAlarm(ManualStage& stage, std::function<void()> ring)
        : stage_(stage), ring_(std::move(ring)) {}
    void set(int64_t at_ns) override { stage_.events_.emplace(at_ns, ring_); }

   private:
    ManualStage& stage_;
    std::function<void()> ring_;
  };

  class ManualCaller final : public Caller {
   public:
    ManualCaller(ManualStage& stage, OnOutcome on_outcome)
        : stage_(stage), on_outcome_(std::move(on_outcome)) {}
    void call(size_t number, int64_t deadline_ns) override {
      stage_.numbers.push_back(number);
      stage_.most_under_way = std::max(stage_.most_under_way, ++stage_.under_way);
      Answer answer = stage_.server(stage_.now_ns_);
      if (answer.at_ns > deadline_ns) answer = {deadline_ns, {.kind = OutcomeKind::Timeout}};
      stage_.events_.emplace(answer.at_ns, [this, answer] {
        --stage_.under_way;
        on_outcome_(answer.outcome);
      });
    }

   private:
    ManualStage& stage_;
    OnOutcome on_outcome_;
  };

  int64_t now_ns_ = 0;
  std::multimap<int64_t, std::function<void()>> events_;
};

}  // namespace neso::load
