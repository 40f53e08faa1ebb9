// SPDX-License-Identifier: Apache-2.0
// What the load generator knows of a protocol, and of time: calls with an outcome, and alarms.
// Drivers see nothing else, so tests let them run on a clock of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace neso::load {

enum class OutcomeKind {
  Good,
  Connect,    // no connection came about
  Reset,      // the connection ended before the answer was complete
  Timeout,    // no answer within the time that a request has
  Malformed,  // the answer breaks the protocol
  Status,     // the server says that it failed
  Rows,       // an answer for another number of rows than were asked for
};
std::string_view to_string(OutcomeKind kind);  // "connect", ...

struct Outcome {
  OutcomeKind kind = OutcomeKind::Good;
  int status = 0;              // of Status: the protocol's number
  std::string_view text = {};  // why, as it came: a sentence, or the answer's body
};
using OnOutcome = std::function<void(const Outcome& outcome)>;

// One call at a time, of the protocol's request `number`; its outcome comes later, never from
// inside call().
class Caller {
 public:
  virtual ~Caller() = default;
  virtual void call(size_t number, int64_t deadline_ns) = 0;
};

class Alarm {
 public:
  virtual ~Alarm() = default;
  // Rings at that time, or soon when it has passed; in place of a time set before.
  virtual void set(int64_t at_ns) = 0;
};

// The thread that a driver lives on.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual int64_t now_ns() const = 0;
  virtual std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) = 0;
  virtual std::unique_ptr<Caller> make_caller(OnOutcome on_outcome) = 0;
};

}  // namespace neso::load
