// SPDX-License-Identifier: Apache-2.0
#include "load/driver.h"

#include <utility>

namespace neso::load {

ClosedDriver::ClosedDriver(Stage& stage, size_t concurrency, const StepTimes& times,
                           RequestNumbers numbers, Tally& tally)
    : stage_(stage), times_(times), numbers_(numbers), tally_(tally), lanes_(concurrency) {}

void ClosedDriver::start(std::function<void()> on_done) {
  on_done_ = std::move(on_done);
  for (Lane& lane : lanes_) {
    lane.caller =
        stage_.make_caller([this, &lane](const Outcome& outcome) { finish(lane, outcome); });
    lane.pause = stage_.make_alarm([this, &lane] { send(lane); });
  }
  busy_ = lanes_.size();
  for (Lane& lane : lanes_) send(lane);
}

void ClosedDriver::send(Lane& lane) {
  lane.started_ns = stage_.now_ns();
  lane.caller->call(numbers_.take(), lane.started_ns + times_.timeout_ns);
}

void ClosedDriver::finish(Lane& lane, const Outcome& outcome) {
  const int64_t now_ns = stage_.now_ns();
  if (now_ns >= times_.begin_ns && now_ns < times_.end_ns) {
    tally_.add(outcome, now_ns - lane.started_ns);
    if (outcome.kind == OutcomeKind::Good) ++tally_.finished;
  }
  const bool unreachable = outcome.kind == OutcomeKind::Connect;
  if (now_ns + (unreachable ? kPauseNs : 0) < times_.end_ns) {
    unreachable ? lane.pause->set(now_ns + kPauseNs) : send(lane);
  } else if (--busy_ == 0) {
    on_done_();
  }
}

OpenDriver::OpenDriver(Stage& stage, const OpenLoad& load, const StepTimes& times,
                       RequestNumbers numbers, Tally& tally)
    : stage_(stage),
      schedule_(load.schedule),
      most_connections_(load.most_connections),
      times_(times),
      numbers_(numbers),
      tally_(tally),
      alarm_(stage.make_alarm([this] { wake(); })) {}

void OpenDriver::start(std::function<void()> on_done) {
  on_done_ = std::move(on_done);
  alarm_->set(schedule_.next_ns());
}

// All that are due go out, also those whose time has come while this thread was busy.
void OpenDriver::wake() {
  const int64_t now_ns = stage_.now_ns();
  while (schedule_.next_ns() <= now_ns && schedule_.next_ns() < times_.end_ns) {
    waiting_.push_back(schedule_.next_ns());
    schedule_.advance();
  }
  send_waiting();
  all_were_due_ = schedule_.next_ns() >= times_.end_ns;
  all_were_due_ ? end_if_done() : alarm_->set(schedule_.next_ns());
}

void OpenDriver::send_waiting() {
  const int64_t now_ns = stage_.now_ns();
  while (!waiting_.empty()) {
    const int64_t due_ns = waiting_.front();
    const int64_t deadline_ns = due_ns + times_.timeout_ns;
    Lane* lane = deadline_ns > now_ns ? free_lane() : nullptr;
    if (lane == nullptr && deadline_ns > now_ns) return;
    waiting_.pop_front();
    if (lane == nullptr) {
      count({.kind = OutcomeKind::Timeout,
             .text = "all connections were busy until its time was over"},
            due_ns, now_ns);
      continue;
    }
    lane->due_ns = due_ns;
    lane->caller->call(numbers_.take(), deadline_ns);
  }
}

OpenDriver::Lane* OpenDriver::free_lane() {
  if (!free_.empty()) {
    Lane* lane = free_.back();
    free_.pop_back();
    return lane;
  }
  if (lanes_.size() == most_connections_) return nullptr;
  Lane& lane = lanes_.emplace_back();
  lane.caller =
      stage_.make_caller([this, &lane](const Outcome& outcome) { finish(lane, outcome); });
  return &lane;
}

void OpenDriver::finish(Lane& lane, const Outcome& outcome) {
  count(outcome, lane.due_ns, stage_.now_ns());
  free_.push_back(&lane);
  send_waiting();
  end_if_done();
}

void OpenDriver::count(const Outcome& outcome, int64_t due_ns, int64_t now_ns) {
  const auto is_measured = [&](int64_t ns) { return ns >= times_.begin_ns && ns < times_.end_ns; };
  if (is_measured(due_ns)) tally_.add(outcome, now_ns - due_ns);
  if (outcome.kind == OutcomeKind::Good && is_measured(now_ns)) ++tally_.finished;
}

void OpenDriver::end_if_done() {
  if (done_ || !all_were_due_ || !waiting_.empty() || free_.size() < lanes_.size()) return;
  done_ = true;
  on_done_();
}

}  // namespace neso::load
