// SPDX-License-Identifier: Apache-2.0
#include "load/step.h"

#include <ctime>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "load/driver.h"

namespace neso::load {
namespace {

class LoopStage final : public Stage {
 public:
  LoopStage(const Protocol& protocol, net::ClientLoop& loop) : protocol_(protocol), loop_(loop) {}

  int64_t now_ns() const override { return system_clock().now_ns(); }
  std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) override {
    return std::make_unique<Ringing>(loop_, std::move(ring));
  }
  std::unique_ptr<Caller> make_caller(OnOutcome on_outcome) override {
    return protocol_.open(loop_, std::move(on_outcome));
  }

 private:
  class Ringing final : public Alarm {
   public:
    Ringing(net::ClientLoop& loop, std::function<void()> ring) : alarm_(loop, std::move(ring)) {}
    void set(int64_t at_ns) override { alarm_.set(at_ns); }

   private:
    net::LoopAlarm alarm_;
  };

  const Protocol& protocol_;
  net::ClientLoop& loop_;
};

double thread_cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// What the threads of a step share, and the part of the load that is one's own.
struct Part {
  const Protocol& protocol;
  Loop loop;
  double load;
  StepTimes times;
  size_t most_connections;
  size_t first_request;
  uint64_t seed;
};

struct PartResult {
  Tally tally;
  double busy = 0;
};

void run_part(const Part& part, PartResult& result) {
  net::ClientLoop loop;
  LoopStage stage(part.protocol, loop);
  const RequestNumbers numbers(part.protocol.request_count(), part.first_request);
  const int64_t start_ns = stage.now_ns();
  std::unique_ptr<Driver> driver;
  if (part.loop == Loop::Closed) {
    driver = std::make_unique<ClosedDriver>(stage, static_cast<size_t>(part.load), part.times,
                                            numbers, result.tally);
  } else {
    const OpenLoad open{PoissonSchedule(part.load, start_ns, part.seed), part.most_connections};
    driver = std::make_unique<OpenDriver>(stage, open, part.times, numbers, result.tally);
  }
  driver->start([&] { loop.stop(); });
  loop.run();
  result.busy = thread_cpu_s() * 1e9 / static_cast<double>(stage.now_ns() - start_ns);
}

// Equal parts; of connections the first ones get what is left over.
std::vector<Part> split(const Part& whole, size_t threads) {
  std::vector<Part> parts;
  for (size_t i = 0; i < threads; ++i) {
    Part part = whole;
    const auto share = [&](size_t count) {
      return count / threads + (i < count % threads ? 1 : 0);
    };
    part.load = whole.loop == Loop::Closed
                    ? static_cast<double>(share(static_cast<size_t>(whole.load)))
                    : whole.load / static_cast<double>(threads);
    part.most_connections = share(whole.most_connections);
    part.first_request = whole.protocol.request_count() * i / threads;
    part.seed = whole.seed + i;
    parts.push_back(part);
  }
  return parts;
}

void sleep_until(int64_t ns) {
  std::this_thread::sleep_until(
      std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns)));
}

}  // namespace

Result<StepFigures> run_step(const Protocol& protocol, Loop loop, double load,
                             const StepOptions& options, const ServerProcess& server) {
  const auto ns = [](double seconds) { return static_cast<int64_t>(seconds * 1e9); };
  const double most_threads =
      loop == Loop::Closed ? load : static_cast<double>(options.most_connections);
  const auto threads = static_cast<size_t>(
      std::clamp(static_cast<double>(options.threads), 1.0, std::max(most_threads, 1.0)));
  StepTimes times;
  times.begin_ns = system_clock().now_ns() + ns(options.warmup_seconds);
  times.end_ns = times.begin_ns + ns(options.seconds);
  times.timeout_ns = options.timeout_ns;
  const auto parts =
      split({protocol, loop, load, times, options.most_connections, 0, options.seed}, threads);

  std::vector<PartResult> results(threads);
  std::vector<std::jthread> running;
  try {
    for (size_t i = 0; i < threads; ++i)
      running.emplace_back([&, i] { run_part(parts[i], results[i]); });
  } catch (const std::system_error& error) {
    return internal_error("cannot start a thread for the load: {}", error.what());
  }
  sleep_until(times.begin_ns);
  const auto before = server.sample();
  sleep_until(times.end_ns);
  const auto after = server.sample();
  running.clear();

  StepFigures figures{.loop = loop, .load = load, .seconds = options.seconds};
  for (const PartResult& result : results) {
    figures.tally.merge(result.tally);
    figures.client_busy = std::max(figures.client_busy, result.busy);
  }
  figures.requests_per_s = static_cast<double>(figures.tally.finished) / options.seconds;
  if (before && after) {
    figures.server.cpu_s = after->cpu_s - before->cpu_s;
    figures.server.resident_bytes = after->resident_bytes;
  }
  return figures;
}

}  // namespace neso::load
