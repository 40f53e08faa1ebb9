// SPDX-License-Identifier: Apache-2.0
// One handler for both signals. What it touches is lock-free or async-signal-safe.
#include "app/termination.h"

#include <poll.h>
#include <semaphore.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <string_view>

#include "app/command.h"
#include "base/log.h"
#include "base/log_reopen.h"

namespace neso {
namespace {

enum class Phase { Starting, Serving, Stopping };
std::atomic<Phase> phase{Phase::Starting};
std::atomic<int> received{0};
sem_t wake_up;
static_assert(std::atomic<Phase>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

// Unless nobody reads: the process must end all the same.
void say(std::string_view line) {
  pollfd sink{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&sink, 1, 0) != 1) return;
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

void on_signal(int signal) {
  const int error = errno;
  Phase serving = Phase::Serving;
  if (phase.compare_exchange_strong(serving, Phase::Stopping)) {
    received = signal;
    sem_post(&wake_up);
  } else if (serving == Phase::Starting) {
    say("Stopped by a signal before anything was served.\n");
    _exit(0);
  } else {
    say("Stopped at once by a second signal; requests in flight are lost.\n");
    _exit(1);
  }
  errno = error;
}

}  // namespace

void write_errors_instead_of_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void exit_on_termination() {
  write_errors_instead_of_signals();
  sem_init(&wake_up, 0, 0);
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  log_enabled(LogLevel::Info);  // makes the log, which a handler must not
  action.sa_handler = [](int) { reopen_log_file(); };
  sigaction(SIGHUP, &action, nullptr);
}

void stop_on_termination() {
  phase = Phase::Serving;
}

int wait_for_termination(std::chrono::seconds pause, const std::function<void()>& meanwhile) {
  for (;;) {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);  // the wall clock may be set
    until.tv_sec += pause.count();
    int waited = 0;
    while ((waited = sem_clockwait(&wake_up, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR) {
    }
    if (waited == 0) return received;
    meanwhile();
  }
}

void exit_out_of_time() {
  // Only what a signal's handler may call.
  constexpr std::string_view kLine =
      "error: failed to stop server: Internal - Exit timeout expired. Exiting immediately.\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kLine.data(), kLine.size());
  _exit(kExitFailure);
}

void exit_out_of_time_after(int seconds) {
  std::signal(SIGALRM, [](int) { exit_out_of_time(); });
  alarm(static_cast<unsigned>(std::max(1, seconds)));
}

}  // namespace neso
