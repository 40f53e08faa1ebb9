// SPDX-License-Identifier: Apache-2.0
// The sections that are honoured here, and the order of all of them.
#include "config/server_option_rows.h"

#include <limits>
#include <utility>

#include "base/error.h"
#include "config/server_option_forms.h"

namespace neso {
namespace {

constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kMaxCacheBytes = int64_t{1} << 50;
constexpr int64_t kMaxMemoryMb = int64_t{1} << 40;

OptionSection server_section(ServerOptions& o) {
  return {"Server",
          {{"id", text_value(o.id), "Name of this server, as its metadata shows it."},
           {"exit-timeout-secs", integer_value(o.exit_timeout_secs, 0),
            "Seconds that a stopping server waits for requests in flight before it exits all the "
            "same."}}};
}

OptionValue log_verbose_value(int& level) {
  OptionValue value = integer_value(level, 0);
  value.set = [&level, number = std::move(value.set)](std::string_view text) -> Result<> {
    const std::string word = lower_case(text);
    if (word != "true" && word != "false") return number(text);
    level = word == "true" ? 1 : 0;
    return {};
  };
  return value;
}

OptionValue log_format_value(LogFormat& format) {
  return {"string", "default", [&format](std::string_view text) -> Result<> {
            constexpr std::string_view kFormats[] = {"default", "ISO8601"};
            NESO_TRY(const size_t index, read_choice(text, "log-format", kFormats));
            format = index == 0 ? LogFormat::Default : LogFormat::Iso8601;
            return {};
          }};
}

OptionSection logging_section(LogSettings& log) {
  return {"Logging",
          {{"log-verbose", log_verbose_value(log.verbose_level),
            "Level of verbose logging: 0 is off, 1 logs requests and loading, 2 adds internals."},
           {"log-info", bool_value(log.info), "Write log lines of level info."},
           {"log-warning", bool_value(log.warning), "Write log lines of level warning."},
           {"log-error", bool_value(log.error), "Write log lines of level error."},
           {"log-format", log_format_value(log.format),
            "How a log line starts: \"default\" is LMMDD hh:mm:ss.ssssss, \"ISO8601\" is "
            "YYYY-MM-DDThh:mm:ssZ L."},
           {"log-file", text_value(log.file),
            "File to append the log to, instead of standard error."}}};
}

OptionValue model_control_mode_value(std::string& mode) {
  return {"string", mode, [&mode](std::string_view text) -> Result<> {
            constexpr std::string_view kModes[] = {"none", "poll", "explicit"};
            NESO_TRY(const size_t index, read_choice(text, "model-control-mode", kModes));
            mode = kModes[index];
            return {};
          }};
}

OptionValue model_config_name_value(std::string& name) {
  return {"string", name, [&name](std::string_view text) -> Result<> {
            if (text.empty()) {
              return invalid_argument("Error: empty argument for --model-config-name");
            }
            if (text.find('/') != std::string_view::npos || text == "..") {
              return invalid_argument(
                  "--model-config-name takes the name of a file in configs/, not a path. Got {}",
                  text);
            }
            name = text;
            return {};
          }};
}

OptionValue model_repository_value(std::vector<std::string>& folders) {
  return {"string", "", [&folders](std::string_view text) -> Result<> {
            if (text.empty()) return invalid_argument("expected the path of a folder, got nothing");
            for (const std::string_view scheme : {"s3://", "gs://", "as://"}) {
              if (text.starts_with(scheme)) {
                return unsupported(
                    "{} repositories are not supported yet; copy the models to a folder. Got {}",
                    scheme, text);
              }
            }
            folders.emplace_back(text);
            return {};
          }};
}

OptionSection model_repository_section(ServerDraft& draft) {
  ServerOptions& o = draft.options;
  return {"Model Repository",
          {{.name = "model-store",
            .value = model_repository_value(o.model_repositories),
            .help = "Equivalent to --model-repository.",
            .alias_of = "model-repository"},
           {"model-repository", model_repository_value(o.model_repositories),
            "Folder with models, one folder per model. May be given several times; a model name "
            "that occurs in two of them is not served."},
           {"exit-on-error", bool_value(o.exit_on_error),
            "Exit when a model cannot be loaded at the start; false serves those that can."},
           {"disable-auto-complete-config", flag_value(draft.disable_auto_complete_config),
            "Do not fill in from a model's files what its config.pbtxt leaves out."},
           {"strict-readiness", bool_value(o.strict_readiness),
            "/v2/health/ready is ready only when every model is; false: as soon as the server "
            "answers."},
           {"model-control-mode", model_control_mode_value(o.model_control_mode),
            "How models come and go: \"none\" loads all of them at the start; \"poll\" also looks "
            "for what is new, changed or gone; \"explicit\" loads what --load-model names and what "
            "clients ask for."},
           {"repository-poll-secs",
            integer_value(o.repository_poll_secs, 0, std::numeric_limits<int>::max()),
            "Seconds between two looks at the repositories with --model-control-mode=poll; 0: "
            "never."},
           {"load-model", list_value(o.load_models),
            "A model to load at the start with --model-control-mode=explicit; \"*\" is all of "
            "them. May be given several times."},
           {"model-config-name", model_config_name_value(o.model_config_name),
            "Read configs/NAME.pbtxt of a model, where it exists, instead of its config.pbtxt."},
           {"model-load-thread-count", integer_value(o.model_load_thread_count, 1, kMaxThreads),
            "Threads that load models."},
           {.name = "model-load-retry-count",
            .value = ignored_integer("0"),
            .help = "How often loading a model is tried again.",
            .no_effect = "loading a local file again gives the same result",
            .moot = "0"},
           {.name = "model-namespacing",
            .value = ignored_bool("false"),
            .help = "Serve models of the same name from several repositories.",
            .no_effect = "models of the same name are not served",
            .moot = "false"},
           {.name = "enable-peer-access",
            .value = ignored_bool("true"),
            .help = "Let GPUs reach each other's memory.",
            .no_effect = kNoGpu}}};
}

OptionValue restricted_api_value(RequiredHeaders& restricted) {
  return {"<string>:<string>=<string>", "", [&restricted](std::string_view text) -> Result<> {
            NESO_TRY_VOID(check_named_setting(text, "http-restricted-api", "config name", ':'));
            return add_restriction(text, "api", restricted);
          }};
}

OptionValue max_input_size_value(size_t& bytes) {
  OptionValue value = integer_value(bytes, 1, int64_t{1} << 40);
  value.set = [number = std::move(value.set)](std::string_view text) -> Result<> {
    if (const auto size = read_integer(text, std::numeric_limits<int64_t>::min(), 0); size) {
      return invalid_argument("Error: --http-max-input-size must be greater than 0.");
    }
    return number(text);
  };
  return value;
}

OptionSection http_section(ServerOptions& o) {
  return {"HTTP",
          {{"allow-http", bool_value(o.allow_http), "Serve HTTP."},
           {"http-address", text_value(o.http_address), "Address that the HTTP server listens on."},
           {"http-port", integer_value(o.http_port, 0, kMaxPort),
            "Port of the HTTP server; 0 takes any free one."},
           {"reuse-http-port", bool_value(o.reuse_http_port),
            "Share the HTTP port with other servers that have this option, too. All must serve the "
            "same models."},
           {.name = "http-header-forward-pattern",
            .value = ignored_text(),
            .help = "Regular expression of HTTP headers that become parameters of the request.",
            .no_effect = "no model here reads request parameters"},
           {"http-thread-count", integer_value(o.http_thread_count, 0, kMaxThreads),
            "Threads that read and write HTTP, each for any number of connections; 0: one per "
            "core."},
           {"http-max-input-size", max_input_size_value(o.http_max_input_size),
            "Largest body of a request, in bytes, after decompression; a larger one is answered "
            "with 413."},
           {"http-restricted-api", restricted_api_value(o.http_restricted),
            "APIS:HEADER=VALUE: requests of these APIs (the groups of --grpc-restricted-protocol; "
            "several with commas) need this header with this value, and get a 403 without it. May "
            "be given several times."}}};
}

OptionSection neso_section(ServerOptions& o) {
  return {
      "neso",
      {{"drain-delay", float_value(o.drain_delay_secs, 0, 3600),
        "Seconds that a server goes on serving after SIGTERM or SIGINT, while /v2/health/ready "
        "answers 503, so that load balancers look elsewhere before its ports close; 5 suits "
        "Kubernetes."},
       {"onnxruntime-library", path_value(o.onnx_runtime_library),
        "ONNX Runtime's shared library, libonnxruntime.so.1; searched for when not given."},
       {"precision", text_value(o.precision),
        "Precision of models that run on neso's own engine, unless their config has a parameter "
        "'precision': fp32, bf16, int8, or auto: bf16 where this CPU multiplies it faster and "
        "probes "
        "at load have a cosine of at least 0.9999 to fp32, else fp32. int8 is two to three times "
        "as fast as fp32, with vectors at a cosine of 0.998 to fp32's."},
       {"isa", text_value(o.isa),
        "Instruction set of neso's own engine: generic; avx2, avx512, avx512_vnni, avx512_bf16, "
        "avx512_amx; neon, neon_dotprod, neon_i8mm, neon_bf16. The best that this CPU has when not "
        "given."},
       {"memory-budget-mb", integer_value(o.memory_budget_mb, 0, kMaxMemoryMb),
        "Memory in MiB that models and the requests in flight may hold together: a model that "
        "does not fit is not loaded, a request that does not fit is answered with 503. 0 is 80 "
        "% of the smallest of the machine's memory, the container's limit and ulimit -v."},
       {"result-cache", integer_value(o.result_cache_bytes, 0, kMaxCacheBytes),
        "Bytes of the memory budget in which vectors of texts are kept: the same ids for the same "
        "model in the same precision are then not computed again. 0 keeps none."}}};
}

}  // namespace

OptionTable server_option_table(std::string synopsis, ServerDraft& draft) {
  ServerOptions& o = draft.options;
  return {.synopsis = std::move(synopsis),
          .sections = {server_section(o), logging_section(o.log), model_repository_section(draft),
                       http_section(o), grpc_section(draft), sagemaker_section(), vertex_section(),
                       metrics_section(o), tracing_section(o), backend_section(draft),
                       repository_agent_section(), response_cache_section(draft),
                       rate_limiter_section(o), memory_section(o), neso_section(o),
                       deprecated_section(draft)}};
}

}  // namespace neso
