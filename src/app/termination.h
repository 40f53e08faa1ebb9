// SPDX-License-Identifier: Apache-2.0
// What SIGINT and SIGTERM do: end the process while it starts, ask a serving one to stop, and end
// it at once the second time.
#pragma once

#include <chrono>
#include <functional>

namespace neso {

// From now on the first of the two ends the process with status 0 (nothing was served yet, nothing
// is lost) unless stop_on_termination() came before; SIGHUP only reopens the log's file; also what
// write_errors_instead_of_signals() does. First thing in the program.
void exit_on_termination();

// The process serves: the next of the two only wakes wait_for_termination(), a further one ends the
// process at once with status 1.
void stop_on_termination();

// A closed pipe and a file at its size limit are errors of the write, not the end of the process.
void write_errors_instead_of_signals();

// Waits for one of the two, after stop_on_termination(), and returns its number. Calls `meanwhile`
// every `pause` until then.
int wait_for_termination(std::chrono::seconds pause, const std::function<void()>& meanwhile);

// Says that the time for stopping is over and ends the process with status 1, without waiting for
// anything that still runs.
[[noreturn]] void exit_out_of_time();
// The same in so many seconds, at least one.
void exit_out_of_time_after(int seconds);

}  // namespace neso
