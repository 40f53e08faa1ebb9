// SPDX-License-Identifier: Apache-2.0
#include "app/load_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "app/bench_engines.h"
#include "app/load_report.h"
#include "app/text_reader.h"
#include "base/error.h"
#include "base/file.h"
#include "load/protocol.h"
#include "load/ramp.h"
#include "load/step.h"

namespace neso {
namespace {

using load::Loop;

constexpr double kMostConcurrency = 4096;
constexpr double kMostRate = 1e6;
constexpr size_t kMostTextBytes = size_t{64} << 20;

struct Loads {
  Loop loop = Loop::Closed;
  std::vector<double> values;  // the first one of a ramp
};

Result<Loads> read_loads(const LoadCommand& command) {
  if (!command.rate.empty() && !command.concurrency.empty())
    return invalid_argument(
        "--concurrency and --rate exclude each other: a loop is closed or open");
  Loads loads;
  loads.loop = command.rate.empty() ? Loop::Closed : Loop::Open;
  const bool closed = loads.loop == Loop::Closed;
  const std::string_view option = closed ? "concurrency" : "rate";
  const std::string one = command.concurrency.empty() ? "1" : command.concurrency;
  NESO_TRY(const auto words, list_words(option, closed ? one : command.rate));
  for (const std::string& word : words) {
    const auto value = read_float(word, closed ? 1 : 0.001, closed ? kMostConcurrency : kMostRate);
    if (!value || (closed && *value != std::floor(*value))) {
      return invalid_argument("--{} takes {}, not '{}'", option,
                              closed ? fmt::format("whole numbers from 1 to {}", kMostConcurrency)
                                     : fmt::format("numbers up to {:.0f}", kMostRate),
                              word);
    }
    loads.values.push_back(*value);
  }
  if (command.ramp && loads.values.size() > 1)
    return invalid_argument("--ramp begins with one --{} and finds the others by itself", option);
  return loads;
}

Result<std::vector<std::string>> read_texts(const std::string& path) {
  TextReader reader({path});
  std::vector<std::string> texts;
  for (size_t bytes = 0; bytes < kMostTextBytes;) {
    NESO_TRY(std::optional<TextLine> line, reader.next());
    if (!line) break;
    if (!line->text)
      return line->text.error().with_context(fmt::format("line {} of '{}'", line->number, path));
    bytes += line->text->size();
    if (!line->text->empty()) texts.push_back(*std::move(line->text));
  }
  if (texts.empty()) return invalid_argument("'{}' has no text: a line is one", path);
  return texts;
}

// "NAME:1,3"; a name may hold colons.
Result<std::pair<std::string, Shape>> read_shape(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return invalid_argument("--shape takes NAME:N,N, not '{}'", text);
  Shape shape;
  for (size_t begin = colon + 1; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const auto size = read_integer(text.substr(begin, end - begin), 0, int64_t{1} << 31);
    if (!size) return invalid_argument("--shape takes NAME:N,N, not '{}'", text);
    shape.push_back(*size);
    begin = end + 1;
  }
  return std::pair{text.substr(0, colon), std::move(shape)};
}

Result<load::PayloadOptions> read_payload(const LoadCommand& command, const std::string& model) {
  load::PayloadOptions payload{.model = model,
                               .rows = command.batch,
                               .binary = command.binary,
                               .tokens = command.tokens,
                               .vocabulary = command.vocabulary,
                               .text_input = command.text_input,
                               .seed = command.seed};
  if (!command.texts.empty()) {
    NESO_TRY(payload.texts, read_texts(command.texts));
  }
  for (const std::string& text : command.shapes) {
    NESO_TRY(auto shape, read_shape(text));
    payload.shapes.insert_or_assign(std::move(shape.first), std::move(shape.second));
  }
  return payload;
}

// The steps of a run, printed as they end.
class LoadBench {
 public:
  LoadBench(const LoadCommand& command, const LoadRun& run, const load::Protocol& protocol,
            LoadSubject subject, load::ServerProcess server)
      : command_(command),
        run_(run),
        protocol_(protocol),
        subject_(std::move(subject)),
        server_(std::move(server)) {
    options_.seconds = run.seconds;
    options_.warmup_seconds = command.warmup_seconds;
    options_.timeout_ns = static_cast<int64_t>(command.timeout_seconds * 1e9);
    options_.threads = command.client_threads;
    if (options_.threads == 0)  // the server needs the cores more
      options_.threads = std::max(1U, std::thread::hardware_concurrency() / 4);
    options_.most_connections = command.connections;
    options_.seed = command.seed;
  }

  Result<> run(const Loads& loads) {
    if (!run_.json) {
      fmt::print("{}{}", load_title(subject_, protocol_.request_count()), load_table_head());
      std::fflush(stdout);
    }
    if (command_.ramp) {
      NESO_TRY_VOID(climb(loads));
    } else {
      for (const double value : loads.values) {
        NESO_TRY_VOID(step(loads.loop, value));
        NESO_TRY_VOID(check_last());
      }
    }
    if (run_.plot.empty()) return {};
    return write_file_atomically(run_.plot, draw_load_plot(subject_, steps_));
  }

 private:
  Result<> step(Loop loop, double value) {
    NESO_TRY(steps_.emplace_back(), load::run_step(protocol_, loop, value, options_, server_));
    fmt::print("{}", run_.json ? load_json_line(subject_, steps_.back())
                               : load_table_line(subject_, steps_.back()));
    std::fflush(stdout);
    return {};
  }

  // A step without one good answer measures nothing.
  Result<> check_last() const {
    const load::Tally& tally = steps_.back().tally;
    if (tally.latency.count() > 0) return {};
    if (tally.error_count() == 0) {
      return deadline_exceeded(
          "no request ended within the {:g} s that a step measures; raise --seconds", run_.seconds);
    }
    return not_ready("no request of the step was answered well: {}", errors_text(tally));
  }

  Result<> climb(const Loads& loads) {
    load::RampLimits limits;
    limits.p99_ms = command_.p99_limit_ms;
    limits.most_load = loads.loop == Loop::Closed ? kMostConcurrency : kMostRate;
    load::Ramp ramp(loads.loop, loads.values.front(), limits);
    while (const auto value = ramp.next()) {
      NESO_TRY_VOID(step(loads.loop, *value));
      if (steps_.size() == 1) NESO_TRY_VOID(check_last());
      ramp.add(ramp_step(steps_.back()));
    }
    fmt::print("{}", run_.json ? knee_json_line(ramp, loads.loop) : knee_line(ramp, loads.loop));
    if (ramp.knee()) return {};
    return not_ready("even the first step was too much for the server: {}", ramp.reason());
  }

  static load::RampStep ramp_step(const load::StepFigures& step) {
    const auto requests = static_cast<double>(step.tally.requests());
    return {.load = step.load,
            .due_per_s = requests / step.seconds,
            .requests_per_s = step.requests_per_s,
            .p99_ms = static_cast<double>(step.tally.latency.quantile_ns(0.99)) * 1e-6,
            .error_share =
                requests == 0 ? 0 : static_cast<double>(step.tally.error_count()) / requests};
  }

  const LoadCommand& command_;
  const LoadRun& run_;
  const load::Protocol& protocol_;
  const LoadSubject subject_;
  const load::ServerProcess server_;
  load::StepOptions options_;
  std::vector<load::StepFigures> steps_;
};

}  // namespace

OptionSection load_section(LoadCommand& command) {
  static const std::string api_help = "how the server is asked: " + load::api_names();
  return {
      "Load on a server",
      {{"url", text_value(command.url),
        "server to measure, http://HOST:PORT, in place of engines: sends requests for --model and "
        "tells throughput, latencies and errors, for a server on this machine also its CPU time "
        "and memory"},
       {"api", text_value(command.api), api_help},
       {"concurrency", text_value(command.concurrency),
        "closed loop: numbers of requests to keep under way, separated by commas. Unset: 1"},
       {"rate", text_value(command.rate),
        "open loop: requests per second that are due at random moments (Poisson), separated by "
        "commas; a request's time counts from when it was due"},
       {"ramp", flag_value(command.ramp),
        "grow the concurrency, or the --rate, from its first value until throughput stops growing, "
        "p99 passes --p99-limit-ms or requests fail, and tell the knee"},
       {"p99-limit-ms", float_value(command.p99_limit_ms, 0, 1e6),
        "p99 that a --ramp may not pass; 0: none"},
       {"warmup", float_value(command.warmup_seconds, 0, 3600),
        "seconds at the start of each step that do not count"},
       {"timeout", float_value(command.timeout_seconds, 0.001, 3600),
        "seconds until a request without its answer counts as failed"},
       {"batch", integer_value(command.batch, 1, 65536), "rows (texts) of a request"},
       {"binary", flag_value(command.binary),
        "triton: tensors as bytes instead of JSON; openai: vectors in base64"},
       {"texts", text_value(command.texts),
        "file of texts to send, one per line, up to 64 MiB; unset: words made from the seed"},
       {"tokens", integer_value(command.tokens, 1, 1 << 20),
        "words of a text that is made, ids of a row of token ids"},
       {"text-input", text_value(command.text_input),
        "triton: send texts as this BYTES input alone, whatever inputs the metadata lists; neso "
        "takes them as 'text'. Unset: with --texts and token inputs, 'text'"},
       {"vocabulary", integer_value(command.vocabulary, 2, 1 << 30),
        "triton: token ids are made below this"},
       {"shape", list_value(command.shapes),
        "triton: NAME:N,N, sizes of an input whose metadata leaves them open, without the batch; "
        "repeatable"},
       {"connections", integer_value(command.connections, 1, 20000),
        "most connections of an open loop"},
       {"client-threads", integer_value(command.client_threads, 0, 256),
        "threads that send; 0: one per four cores"},
       {"seed", integer_value(command.seed, 0, std::numeric_limits<int64_t>::max()),
        "of texts, tensors and arrival times"}}};
}

Result<> run_load(const LoadCommand& command, const LoadRun& run) {
  NESO_TRY_VOID(load::check_api(command.api));
  NESO_TRY(const Loads loads, read_loads(command));
  NESO_TRY(const net::HttpUrl url, net::parse_http_url(command.url));
  NESO_TRY(const load::PayloadOptions payload, read_payload(command, run.model));
  if (!run.plot.empty()) NESO_TRY_VOID(check_file_can_be_written(run.plot));
  NESO_TRY(const net::Endpoint endpoint, net::find_endpoint(url));
  const load::Target target{command.api, url, endpoint,
                            static_cast<int64_t>(command.timeout_seconds * 1e9)};
  NESO_TRY(const auto protocol, load::open_protocol(target, payload));
  auto server = load::ServerProcess::find(endpoint);
  LoadSubject subject{command.url,  command.api,   run.model,     server.name(),
                      server.pid(), command.batch, command.binary};
  return LoadBench(command, run, *protocol, std::move(subject), std::move(server)).run(loads);
}

}  // namespace neso
