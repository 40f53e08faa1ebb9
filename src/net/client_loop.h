// SPDX-License-Identifier: Apache-2.0
// The event loop of a client: the connections and alarms of one thread. Everything made on a loop
// is used and destroyed by the thread that runs it, or while nobody does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace neso::net {

class ClientLoop {
 public:
  ClientLoop();
  ~ClientLoop();
  ClientLoop(const ClientLoop&) = delete;
  ClientLoop& operator=(const ClientLoop&) = delete;

  // Works until stop(). May be called again.
  void run();
  // From the thread that runs it.
  void stop();
  // Runs `task` on the loop's thread. Any thread, while the loop lives.
  void post(std::function<void()> task);

  boost::asio::io_context& context() { return *context_; }

 private:
  std::unique_ptr<boost::asio::io_context> context_;
};

// Calls `ring` at a time of system_clock(), again and again. Dies before its loop.
class LoopAlarm {
 public:
  LoopAlarm(ClientLoop& loop, std::function<void()> ring);
  ~LoopAlarm();
  LoopAlarm(const LoopAlarm&) = delete;
  LoopAlarm& operator=(const LoopAlarm&) = delete;

  // In place of the time that was set before; a time that has passed rings at once, but not from
  // inside this call.
  void set(int64_t at_ns);
  void cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace neso::net
