// SPDX-License-Identifier: Apache-2.0
#include "net/client_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <utility>

namespace neso::net {

ClientLoop::ClientLoop() : context_(std::make_unique<boost::asio::io_context>(1)) {}
ClientLoop::~ClientLoop() = default;

void ClientLoop::run() {
  const auto until_stopped = boost::asio::make_work_guard(*context_);
  context_->restart();
  context_->run();
}

void ClientLoop::stop() {
  context_->stop();
}

void ClientLoop::post(std::function<void()> task) {
  boost::asio::post(*context_, std::move(task));
}

// Shared with the timer's handler, which may be on its way when the alarm dies.
struct LoopAlarm::State {
  State(boost::asio::io_context& context, std::function<void()> the_ring)
      : timer(context), ring(std::move(the_ring)) {}
  boost::asio::steady_timer timer;
  std::function<void()> ring;
  uint64_t settings = 0;  // a handler of an earlier one is stale
};

LoopAlarm::LoopAlarm(ClientLoop& loop, std::function<void()> ring)
    : state_(std::make_shared<State>(loop.context(), std::move(ring))) {}

LoopAlarm::~LoopAlarm() {
  cancel();
}

void LoopAlarm::set(int64_t at_ns) {
  using Time = std::chrono::steady_clock::time_point;
  const uint64_t setting = ++state_->settings;
  state_->timer.expires_at(Time(std::chrono::nanoseconds(at_ns)));
  state_->timer.async_wait([state = state_, setting](const boost::system::error_code& error) {
    if (!error && setting == state->settings) state->ring();
  });
}

void LoopAlarm::cancel() {
  ++state_->settings;
  state_->timer.cancel();
}

}  // namespace neso::net
