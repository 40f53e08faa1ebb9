// SPDX-License-Identifier: Apache-2.0
// How long a connection may keep the server waiting for bytes, by what is awaited. Pure: time is
// passed in.
#pragma once

#include <chrono>
#include <cstddef>

#include "net/grammar.h"
#include "net/http_server.h"

namespace neso::net {

enum class Awaited {
  Nothing,  // nothing is read, or only the end of the connection
  Request,  // its first byte: idle_timeout
  Head,  // header_timeout from the first byte; from the start of a connection for its first request
  Body,  // min_body_bytes_per_second in each body_window
  Silence,  // of a client that was refused, so that it can read why: linger_timeout, kLingerRounds
            // of them in all
};

class ReadDeadline {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time kNever = Time::max();
  static constexpr int kLingerRounds = 6;

  // What the connection has come to.
  struct Progress {
    Awaited awaited = Awaited::Nothing;
    size_t request = 0;  // number of the awaited request
    size_t bytes = 0;    // received since the connection began
    bool draining = false;
  };

  explicit ReadDeadline(const HttpServerOptions& options)
      : options_(options) {}  // they outlive this

  // Starts another deadline when something else is awaited than before, the silence of a peer that
  // spoke included.
  void update(const Progress& progress, Time now);
  Time at() const { return deadline_; }

  enum class Verdict { Wait, Refuse, Close };
  // The deadline has passed: wait on, with a new one, or refuse the request, see refusal(), or
  // close without a word.
  Verdict expired(const Progress& progress, Time now);
  Refusal refusal() const;

 private:
  void restart(const Progress& progress, Time now);

  const HttpServerOptions& options_;
  Progress start_;  // when the deadline was started
  Time deadline_ = kNever;
  Time silence_end_ = kNever;
};

}  // namespace neso::net
