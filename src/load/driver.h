// SPDX-License-Identifier: Apache-2.0
// When requests go out. A closed loop keeps a number of them under way: each connection sends the
// next one when the one before it is answered, as a client does that waits. An open loop sends when
// they are due, whatever has become of the others, as many independent clients do, and counts a
// request's time from the moment when it was due: a server that stalls is charged for everything
// that waited (no "coordinated omission").
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "load/call.h"
#include "load/poisson_schedule.h"
#include "load/tally.h"

namespace neso::load {

struct StepTimes {
  int64_t begin_ns = 0;    // the warm-up ends and measuring begins
  int64_t end_ns = 0;      // no request is due from here on; those under way are waited for
  int64_t timeout_ns = 0;  // of each request
};

// Gives out the numbers of the protocol's requests in turn, beginning somewhere.
class RequestNumbers {
 public:
  RequestNumbers(size_t count, size_t first) : count_(count), next_(first % count) {}
  size_t take() {
    const size_t number = next_;
    if (++next_ == count_) next_ = 0;
    return number;
  }

 private:
  size_t count_;
  size_t next_;
};

class Driver {
 public:
  virtual ~Driver() = default;
  // On the stage's thread. `on_done` is called once, from an alarm or an outcome, when no request
  // is left; the driver may not be destroyed from inside it.
  virtual void start(std::function<void()> on_done) = 0;
};

// Counts the good requests that ended in the measured time and the failures that did.
class ClosedDriver final : public Driver {
 public:
  // A connection that could not be made is tried again after this.
  static constexpr int64_t kPauseNs = 50'000'000;

  ClosedDriver(Stage& stage, size_t concurrency, const StepTimes& times, RequestNumbers numbers,
               Tally& tally);
  void start(std::function<void()> on_done) override;

 private:
  struct Lane {
    std::unique_ptr<Caller> caller;
    std::unique_ptr<Alarm> pause;
    int64_t started_ns = 0;
  };
  void send(Lane& lane);
  void finish(Lane& lane, const Outcome& outcome);

  Stage& stage_;
  const StepTimes times_;
  RequestNumbers numbers_;
  Tally& tally_;
  std::vector<Lane> lanes_;
  size_t busy_ = 0;
  std::function<void()> on_done_;
};

struct OpenLoad {
  PoissonSchedule schedule;
  // Opened as they are needed. Requests that are due while all are busy wait, and their time runs.
  size_t most_connections;
};

// Counts the requests that were due in the measured time, whenever they end. Throughput is what
// ended in it.
class OpenDriver final : public Driver {
 public:
  OpenDriver(Stage& stage, const OpenLoad& load, const StepTimes& times, RequestNumbers numbers,
             Tally& tally);
  void start(std::function<void()> on_done) override;

 private:
  struct Lane {
    std::unique_ptr<Caller> caller;
    int64_t due_ns = 0;
  };
  void wake();
  void send_waiting();
  Lane* free_lane();
  void finish(Lane& lane, const Outcome& outcome);
  void count(const Outcome& outcome, int64_t due_ns, int64_t now_ns);
  void end_if_done();

  Stage& stage_;
  PoissonSchedule schedule_;
  const size_t most_connections_;
  const StepTimes times_;
  RequestNumbers numbers_;
  Tally& tally_;
  std::unique_ptr<Alarm> alarm_;
  std::deque<Lane> lanes_;  // whose elements stay where they are
  std::vector<Lane*> free_;
  std::deque<int64_t> waiting_;  // when they were due
  bool all_were_due_ = false;
  bool done_ = false;
  std::function<void()> on_done_;
};

}  // namespace neso::load
