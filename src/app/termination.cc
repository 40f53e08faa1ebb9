// SPDX-License-Identifier: Apache-2.0
#include "app/termination.h"

#include <pthread.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>

namespace neso {
namespace {

sigset_t termination_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

void write_errors_instead_of_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void block_termination_signals() {
  const sigset_t signals = termination_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  write_errors_instead_of_signals();
}

int wait_for_termination() {
  const sigset_t signals = termination_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

void exit_on_next_termination() {
  const auto at_once = [](int) { _exit(1); };
  std::signal(SIGINT, at_once);
  std::signal(SIGTERM, at_once);
  const sigset_t signals = termination_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace neso
