// SPDX-License-Identifier: Apache-2.0
// Waiting for SIGINT or SIGTERM on an ordinary thread instead of in a signal handler.
#pragma once

namespace neso {

// Blocks both signals in the calling thread and every thread that it starts afterwards, and ignores
// SIGPIPE: call it first thing in the program.
void block_termination_signals();

// A closed pipe and a file at its size limit are errors of the write, not the end of the process.
void write_errors_instead_of_signals();

// Waits for one of the two and returns its number.
int wait_for_termination();

// From now on a further one ends the process at once with status 1.
void exit_on_next_termination();

}  // namespace neso
