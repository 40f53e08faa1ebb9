// SPDX-License-Identifier: Apache-2.0
#include "config/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "base/file.h"

namespace neso {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Outcome = ParsedOptions::Outcome;

ServerCommand parse(const std::vector<const char*>& words,
                    const std::map<std::string, std::string>& variables = {}) {
  return parse_server_options("/opt/tritonserver", "tritonserver", words,
                              [&](const std::string& name) -> std::optional<std::string> {
                                const auto found = variables.find(name);
                                if (found == variables.end()) return std::nullopt;
                                return found->second;
                              });
}

ServerOptions options(const std::vector<const char*>& words) {
  ServerCommand command = parse(words);
  EXPECT_EQ(command.outcome, Outcome::Run) << command.text;
  return command.options;
}

std::string complaint(const std::vector<const char*>& words) {
  const ServerCommand command = parse(words);
  EXPECT_EQ(command.outcome, Outcome::UsageError);
  return command.text;
}

std::string read_data(const std::string& path) {
  const auto text = read_file(std::filesystem::path(NESO_SOURCE_DIR) / path, size_t{1} << 20);
  EXPECT_TRUE(text) << path;
  return text ? *text : "";
}

TEST(ServerOptions, HasTritonsDefaults) {
  const ServerOptions o = options({});
  EXPECT_EQ(o.id, "triton");
  EXPECT_EQ(o.exit_timeout_secs, 30);
  EXPECT_EQ(o.http_port, 8000);
  EXPECT_EQ(o.grpc_port, 8001);
  EXPECT_EQ(o.metrics_port, 8002);
  EXPECT_EQ(o.metrics_address, "0.0.0.0");
  EXPECT_EQ(o.http_max_input_size, 67108864u);
  EXPECT_EQ(o.default_max_batch_size, 4);
  EXPECT_EQ(o.model_control_mode, "none");
  EXPECT_TRUE(o.auto_complete_config && o.exit_on_error && o.strict_readiness);
  EXPECT_THAT(o.model_repositories, IsEmpty());  // refused later, in Triton's words
  EXPECT_THAT(o.notes, IsEmpty());
}

TEST(ServerOptions, ReadsTheOptionsOfAUsualStart) {
  const ServerOptions o =
      options({"--model-repository=/b", "--model-store", "/a", "--model-repository=/b", "--id=x",
               "--http-port=0", "--http-address=127.0.0.1", "--allow-grpc=false",
               "--log-verbose=true", "--log-format=ISO8601", "--log-info=0", "--exit-timeout-secs",
               "5", "--onnxruntime-library=/lib/ort.so"});
  EXPECT_THAT(o.model_repositories, ElementsAre("/a", "/b"));
  EXPECT_EQ(o.id, "x");
  EXPECT_EQ(o.http_port, 0);
  EXPECT_EQ(o.metrics_address, "127.0.0.1");
  EXPECT_FALSE(o.allow_grpc);
  EXPECT_EQ(o.log.verbose_level, 1);
  EXPECT_EQ(o.log.format, LogFormat::Iso8601);
  EXPECT_FALSE(o.log.info);
  EXPECT_EQ(o.exit_timeout_secs, 5);
  EXPECT_EQ(o.onnx_runtime_library, "/lib/ort.so");
  EXPECT_THAT(o.notes, IsEmpty());  // no gRPC is what happens anyway
}

TEST(ServerOptions, FlagsComeBeforeVariables) {
  const ServerCommand command =
      parse({"--http-port=1"},
            {{"NESO_HTTP_PORT", "2"}, {"NESO_METRICS_PORT", "3"}, {"NESO_MODEL_REPOSITORY", "/m"}});
  EXPECT_EQ(command.options.http_port, 1);
  EXPECT_EQ(command.options.metrics_port, 3);
  EXPECT_THAT(command.options.model_repositories, ElementsAre("/m"));
  EXPECT_THAT(
      parse({"--model-store=/s"}, {{"NESO_MODEL_REPOSITORY", "/m"}}).options.model_repositories,
      ElementsAre("/s"));
}

// Every option of the real server's --help, as recorded, with its kind of value and in its section.
TEST(ServerOptions, KnowsEveryOptionOfTriton) {
  const std::string help = parse({"--help"}).text;
  std::istringstream lines(read_data("tests/data/config/triton_options.tsv"));
  std::string line;
  std::getline(lines, line);  // headings
  int count = 0;
  while (std::getline(lines, line)) {
    const std::string section = line.substr(0, line.find('\t'));
    const std::string option = line.substr(line.find('\t') + 1);
    size_t start = 0;
    if (!section.empty()) {
      start = help.find("\n" + section + ":\n");
      ASSERT_NE(start, std::string::npos) << section;
    }
    const size_t end = std::min(help.find("\n\n", start), help.size());
    EXPECT_THAT(help.substr(start, end - start), HasSubstr("\n  " + option + "\n\t")) << section;
    ++count;
  }
  EXPECT_EQ(count, 87);
}

TEST(ServerOptions, ComplainsAsTritonDoes) {
  EXPECT_THAT(complaint({"--http-prot=1"}),
              StartsWith("/opt/tritonserver: unrecognized option '--http-prot=1'\nUsage: "
                         "tritonserver [options]\n"));
  EXPECT_THAT(complaint({"--http-prot=1"}), EndsWith("did you mean --http-port?\n"));
  EXPECT_THAT(complaint({"--exit=1"}), HasSubstr("option '--exit=1' is ambiguous; possibilities: "
                                                 "'--exit-timeout-secs' '--exit-on-error'\n"));
  EXPECT_THAT(complaint({"stray"}), EndsWith("\nUnexpected argument: stray\n"));
}

struct BadValue {
  const char* word;
  const char* sentence;
};

TEST(ServerOptions, RefusesBadValuesWithTritonsSentences) {
  const BadValue kCases[] = {
      {"--http-port=abc", "Invalid option value. Got abc"},
      {"--http-port=70000", "Provided option value is out of bound. Got 70000"},
      {"--http-port=-1", "Provided option value is out of bound. Got -1"},
      {"--metrics-port=65536", "Provided option value is out of bound. Got 65536"},
      {"--allow-http=maybe", "invalid value for bool option: maybe"},
      {"--log-verbose=abc", "Invalid option value. Got abc"},
      {"--log-format=x", "invalid argument for --log-format"},
      {"--model-control-mode=weird", "invalid argument for --model-control-mode"},
      {"--model-config-name=", "Error: empty argument for --model-config-name"},
      {"--model-config-name=../x", "not a path. Got ../x"},
      {"--model-load-thread-count=0", "out of bound. Got 0"},
      {"--model-repository=s3://bucket/models", "s3:// repositories are not supported yet"},
      {"--http-max-input-size=0", "Error: --http-max-input-size must be greater than 0."},
      {"--http-max-input-size=-5", "Error: --http-max-input-size must be greater than 0."},
      {"--http-restricted-api=abc",
       "--http-restricted-api option format is '<config name>:<setting>=<value>'. Got abc"},
      {"--http-restricted-api=nope:k=v", "unknown restricted api 'nope'"},
      {"--http-restricted-api=health,health:k=v",
       "restricted api 'health' can not be specified in multiple config groups"},
      {"--grpc-infer-response-compression-level=x",
       "invalid argument for --grpc-infer-response-compression-level"},
      {"--grpc-restricted-protocol=nope:k=v", "unknown restricted protocol 'nope'"},
      {"--grpc-restricted-protocol=trace,trace:k=v",
       "restricted protocol 'trace' can not be specified in multiple config groups"},
      {"--grpc-infer-thread-count=1", "out of bound. Got 1, expected 2 to 128"},
      {"--backend-config=foo",
       "--backend-config option format is '<backend name>,<setting>=<value>'. Got foo"},
      {"--backend-config=,a=b", "No backend specified. --backend-config option format is"},
      {"--backend-config=onnxruntime,default-max-batch-size=many",
       "Invalid option value. Got many"},
      {"--cache-config=a=b", "No cache specified. --cache-config option format is"},
      {"--cache-config=redis,host=a", "the only response cache is in memory"},
      {"--trace-config=a",
       "--trace-config option format is '<trace mode>,<setting>=<value>'. Got a"},
      {"--trace-config=zipkin,a=b", "invalid value for trace mode option: zipkin."},
      {"--trace-config=mode=zipkin", "invalid value for trace mode option: zipkin."},
      {"--trace-config=level=loud", "invalid value for trace level option: loud"},
      {"--trace-config=count=-2", "out of bound. Got -2"},
      {"--trace-config=opentelemetry,resource=a", "Got a"},
      {"--metrics-config=a", "--metrics-config option format is <setting>=<value>. Got a"},
      {"--metrics-config=summary_latencies=maybe", "invalid value for bool option: maybe"},
      {"--metrics-config=summary_quantiles=0.5:0.1,0.9", "both from 0 to 1. Got 0.9"},
      {"--metrics-config=summary_quantiles=1.5:0.1", "both from 0 to 1. Got 1.5:0.1"},
      {"--metrics-interval-ms=x", "Invalid option value. Got x"},
      {"--host-policy=x",
       "--host-policy option format is '<policy name>,<setting>=<value>'. Got x"},
      {"--host-policy=x,foo=1",
       "Unsupported host policy setting 'foo' is specified, supported settings are 'numa-node', "
       "'cpu-cores'"},
      {"--rate-limit=foo", "invalid argument for --rate-limit"},
      {"--rate-limit-resource=a",
       "--rate-limit-resource option format is '<resource_name>:<count>:<device>' or"},
      {"--cuda-memory-pool-byte-size=abc", "requires format <first>:<second>. Found: abc"},
      {"--cuda-memory-pool-byte-size=a:1", "Invalid option value. Got a"},
      {"--sagemaker-safe-port-range=80", "requires format <first>-<second>. Found: 80"},
      {"--model-load-gpu-limit=0:1.5", "out of bound. Got 1.5"},
      {"--trace-level=loud", "invalid argument for --trace-level: loud"},
  };
  for (const BadValue& bad : kCases) {
    const std::string word(bad.word);
    const std::string text = complaint({bad.word});
    EXPECT_THAT(text, HasSubstr("\nBad option: \"" + word.substr(0, word.find('=')) + "\".\n"))
        << word;
    EXPECT_THAT(text, HasSubstr(bad.sentence)) << word;
  }
}

TEST(ServerOptions, AHostPolicyHasTwoSettings) {
  const ServerOptions given =
      options({"--host-policy=p,cpu-cores=0-3,8", "--host-policy=p,numa-node=1",
               "--host-policy=q,numa-node=0"});
  ASSERT_EQ(given.host_policies.size(), 2U);
  EXPECT_EQ(given.host_policies.at("p").cpu_cores, "0-3,8");
  EXPECT_EQ(given.host_policies.at("p").numa_node, "1");
  EXPECT_EQ(given.host_policies.at("q").cpu_cores, std::nullopt);
}

TEST(ServerOptions, RefusesTwoServersOnOnePort) {
  EXPECT_THAT(complaint({"--http-port=9000", "--grpc-port=9000"}),
              EndsWith("\nThe server cannot listen to HTTP requests and GRPC requests at the same "
                       "address and port 0.0.0.0:9000\n"));
  EXPECT_THAT(complaint({"--http-port=8002"}), HasSubstr("HTTP requests and metrics requests"));
  options({"--http-port=0", "--metrics-port=0", "--grpc-port=0"});  // any free port each
  options({"--http-port=8002", "--allow-metrics=false"});           // nobody else there
  options({"--http-port=8002", "--metrics-address=127.0.0.2"});     // another address
}

TEST(ServerOptions, LoadModelNeedsTheExplicitMode) {
  EXPECT_THAT(complaint({"--load-model=bert"}),
              EndsWith("\nError: Use of '--load-model' requires setting "
                       "'--model-control-mode=explicit' as well.\n"));
}

TEST(ServerOptions, StrictModelConfigIsDeprecated) {
  const ServerOptions lenient = options({"--strict-model-config=false"});
  EXPECT_TRUE(lenient.auto_complete_config);
  EXPECT_THAT(lenient.warnings,
              ElementsAre("Warning: '--strict-model-config' has been deprecated! Please use "
                          "'--disable-auto-complete-config' instead."));
  EXPECT_FALSE(options({"--strict-model-config=true"}).auto_complete_config);
  EXPECT_FALSE(options({"--disable-auto-complete-config"}).auto_complete_config);
  const ServerOptions both =
      options({"--disable-auto-complete-config", "--strict-model-config=false"});
  EXPECT_FALSE(both.auto_complete_config);
  EXPECT_THAT(
      both.warnings,
      Contains(HasSubstr("Overriding deprecated '--strict-model-config' from False to True")));
  EXPECT_THAT(complaint({"--strict-model-config=false", "--http-port=x"}),
              StartsWith("Warning: '--strict-model-config' has been deprecated!"));
}

TEST(ServerOptions, TraceSettingsAddUp) {
  const ServerOptions o =
      options({"--trace-config=level=TIMESTAMPS", "--trace-config=level=tensors",
               "--trace-config=rate=1", "--trace-config=count=7", "--trace-config=triton,file=/t",
               "--trace-config=triton,log-frequency=3", "--trace-config=mode=opentelemetry",
               "--trace-config=opentelemetry,url=localhost:9/v1/traces",
               "--trace-config=opentelemetry,resource=a=b=c",
               "--trace-config=opentelemetry,bsp_max_queue_size=5"});
  EXPECT_TRUE(o.trace.settings.level.timestamps && o.trace.settings.level.tensors);
  EXPECT_EQ(o.trace.settings.rate, 1U);
  EXPECT_EQ(o.trace.settings.count, 7);
  EXPECT_EQ(o.trace.settings.log_frequency, 3U);
  EXPECT_EQ(o.trace.file, "/t");
  EXPECT_EQ(o.trace.mode, TraceMode::OpenTelemetry);
  EXPECT_EQ(o.trace.open_telemetry.url, "localhost:9/v1/traces");
  EXPECT_EQ(o.trace.open_telemetry.resource.at("a"), "b=c");
  EXPECT_EQ(o.trace.open_telemetry.resource.at("service.name"), "triton-inference-server");
  EXPECT_EQ(o.trace.open_telemetry.max_queue_size, 5U);
  EXPECT_TRUE(o.notes.empty());
  EXPECT_THAT(options({"--trace-config=triton,colour=red"}).notes,
              ElementsAre(HasSubstr("triton,colour=red has no effect")));
  EXPECT_THAT(options({"--trace-config=level=TIMESTAMPS"}).notes,
              ElementsAre(HasSubstr("--trace-config triton,file=PATH")));
}

TEST(ServerOptions, CachesHaveTheirBytes) {
  EXPECT_EQ(options({"--cache-config=local,size=1048576"}).response_cache_bytes, 1048576U);
  EXPECT_EQ(options({"--response-cache-byte-size=7"}).response_cache_bytes, 7U);
  EXPECT_EQ(options({"--result-cache=9"}).result_cache_bytes, 9U);
  EXPECT_EQ(options({}).response_cache_bytes, 0U);
}

TEST(ServerOptions, OldCacheAndTraceOptionsAreDeprecated) {
  EXPECT_THAT(options({"--response-cache-byte-size=1048576"}).warnings,
              ElementsAre(EndsWith("'--cache-config=local,size=1048576'")));
  EXPECT_THAT(complaint({"--response-cache-byte-size=1", "--cache-config=local,size=1"}),
              HasSubstr("\nError: Incompatible flags --response-cache-byte-size and --cache-config "
                        "both provided."));
  EXPECT_THAT(
      options({"--trace-rate=5"}).warnings,
      ElementsAre("Warning: '--trace-rate' has been deprecated and will be removed in future "
                  "releases. Please use '--trace-config rate=<rate value> instead."));
}

TEST(ServerOptions, NotesWhatHasNoEffect) {
  EXPECT_THAT(
      options({"--grpc-infer-allocation-pool-size=1", "--cache-directory=/caches"}).notes,
      ElementsAre("--grpc-infer-allocation-pool-size has no effect: messages are not pooled",
                  "--cache-directory has no effect: the response cache is a part of the server"));
}

TEST(ServerOptions, SomethingMustBeServed) {
  EXPECT_THAT(complaint({"--allow-http=false", "--allow-grpc=false", "--allow-metrics=false"}),
              HasSubstr("\nNothing would be served: --allow-http=false, --allow-grpc=false and "));
  EXPECT_THAT(options({"--allow-http=false", "--allow-grpc=false"}).notes,
              ElementsAre(StartsWith("only metrics are served: ")));
  EXPECT_THAT(options({"--allow-http=false"}).notes, IsEmpty());
  EXPECT_THAT(options({"--allow-metrics=false"}).notes, IsEmpty());
}

TEST(ServerOptions, GrpcConnectionsAreConfigured) {
  const GrpcOptions o =
      options({"--grpc-infer-response-compression-level=HIGH", "--grpc-keepalive-time=7",
               "--grpc-max-connection-age=9", "--reuse-grpc-port=true",
               "--grpc-restricted-protocol=inference,model-config:who=me=you",
               "--grpc-restricted-protocol=health:a=b"})
          .grpc;
  EXPECT_EQ(o.response_compression, CompressionLevel::High);
  EXPECT_EQ(o.keepalive_time_ms, 7);
  EXPECT_EQ(o.max_connection_age_ms, 9);
  EXPECT_TRUE(o.reuse_port);
  EXPECT_FALSE(o.use_ssl);
  ASSERT_EQ(o.restricted.size(), 3U);
  EXPECT_EQ(o.restricted.at("model-config").key, "who");
  EXPECT_EQ(o.restricted.at("model-config").value, "me=you");
  EXPECT_EQ(o.restricted.at("health").key, "a");
}

TEST(ServerOptions, B13_WhatIsRestrictedOverOneProtocolOnlyIsToldOf) {
  const ServerOptions o = options({"--http-restricted-api=inference,logging:X-Key=a=b",
                                   "--grpc-restricted-protocol=logging:k=v"});
  EXPECT_EQ(o.http_restricted.at("inference").key, "X-Key");
  EXPECT_EQ(o.http_restricted.at("inference").value, "a=b");
  EXPECT_THAT(
      o.notes,
      ElementsAre(
          "--http-restricted-api restricts inference over HTTP only: gRPC leaves it open; add "
          "--grpc-restricted-protocol, or --allow-grpc=false"));
  EXPECT_THAT(options({"--grpc-restricted-protocol=health:k=v"}).notes,
              ElementsAre(HasSubstr("restricts health over gRPC only: HTTP leaves it open; add "
                                    "--http-restricted-api, or --allow-http=false")));
  EXPECT_THAT(options({"--http-restricted-api=health:k=v", "--allow-grpc=false"}).notes, IsEmpty());
}

TEST(ServerOptions, MutualTlsIsTls) {
  const GrpcOptions o = options({"--grpc-use-ssl-mutual=true", "--grpc-server-cert=c",
                                 "--grpc-server-key=k", "--grpc-root-cert=r"})
                            .grpc;
  EXPECT_TRUE(o.use_ssl);
  EXPECT_EQ(o.root_cert, "r");
  EXPECT_THAT(complaint({"--grpc-use-ssl=true", "--grpc-server-cert=c"}),
              HasSubstr("give --grpc-server-cert and --grpc-server-key."));
  EXPECT_THAT(
      complaint({"--grpc-use-ssl-mutual=true", "--grpc-server-cert=c", "--grpc-server-key=k"}),
      HasSubstr("give --grpc-root-cert."));
}

TEST(ServerOptions, DrainDelayTakesFractionsOfASecond) {
  EXPECT_EQ(options({}).drain_delay_secs, 0);
  EXPECT_EQ(options({"--drain-delay=0.25"}).drain_delay_secs, 0.25);
  EXPECT_THAT(complaint({"--drain-delay=-1"}), HasSubstr("out of bound"));
}

TEST(ServerOptions, OurNameGivesShortComplaints) {
  const auto none = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  const std::vector<const char*> words = {"--http-prot=1"};
  EXPECT_EQ(parse_server_options("neso serve", "neso serve", words, none).text,
            "neso serve: Unknown option --http-prot: did you mean --http-port?\n"
            "See 'neso help serve' for the options.\n");
}

TEST(ServerOptions, UnknownVariablesAreNamedWithTheNearestOne) {
  const auto with = [](std::string port) {
    return [port](const std::string& name) -> std::optional<std::string> {
      if (name == "NESO_PORT") return port;
      return std::nullopt;
    };
  };
  EXPECT_THAT(unknown_variable_notes({"NESO_CACHE", "NESO_HTTP_PORT", "NESO_HTTP_PROT"}, with("")),
              ElementsAre("the environment variable NESO_HTTP_PROT is no option; did you mean "
                          "NESO_HTTP_PORT?"));
  EXPECT_THAT(unknown_variable_notes({"NESO_QQQQQQQQQQQQQQ"}, with("")),
              ElementsAre(HasSubstr("'neso help serve' lists them")));
  const std::vector<std::string> links = {"NESO_PORT", "NESO_PORT_8000_TCP", "NESO_SERVICE_HOST",
                                          "NESO_SERVICE_PORT_HTTP"};
  EXPECT_THAT(unknown_variable_notes(links, with("tcp://10.0.0.1:8000")), IsEmpty());
  EXPECT_THAT(unknown_variable_notes({"NESO_PORT"}, with("8000")),
              ElementsAre(EndsWith("did you mean NESO_HTTP_PORT?")));
}

TEST(ServerOptions, ARateLimitIsOffUnlessItIsAskedFor) {
  EXPECT_FALSE(options({}).rate_limit);
  EXPECT_FALSE(options({"--rate-limit=off"}).rate_limit);
  EXPECT_TRUE(options({"--rate-limit=execution_count"}).rate_limit);
}

TEST(ServerOptions, ReadsTheResourcesOfTheRateLimiter) {
  const ServerOptions o = options({"--rate-limit=execution_count", "--rate-limit-resource=R1:10",
                                   "--rate-limit-resource=r2:5:1"});
  ASSERT_EQ(o.rate_limit_resources.size(), 2U);
  EXPECT_EQ(o.rate_limit_resources[0].name, "r1");
  EXPECT_EQ(o.rate_limit_resources[0].count, 10U);
  EXPECT_EQ(o.rate_limit_resources[0].device, std::nullopt);
  EXPECT_EQ(o.rate_limit_resources[1].count, 5U);
  EXPECT_EQ(o.rate_limit_resources[1].device, 1);
  EXPECT_THAT(o.notes, IsEmpty());
  EXPECT_THAT(options({"--rate-limit-resource=r:1"}).notes,
              ElementsAre(HasSubstr("no effect without --rate-limit=execution_count")));
}

TEST(ServerOptions, BackendSettingsFallBackToThoseForAll) {
  const ServerOptions o =
      options({"--backend-config=onnxruntime,default-max-batch-size=8", "--backend-config=a=b,c",
               "--backend-config=onnxruntime,x=1", "--backend-config=onnxruntime,x=2"});
  EXPECT_EQ(o.default_max_batch_size, 8);
  EXPECT_EQ(o.backend_setting("onnxruntime", "a"), "b,c");
  EXPECT_EQ(o.backend_setting("onnxruntime", "x"), "2");
  EXPECT_EQ(o.backend_setting("neso", "x"), std::nullopt);
  EXPECT_EQ(options({"--backend-config=default-max-batch-size=0"}).default_max_batch_size, 0);
}

// docs/options.md is the table; NESO_UPDATE_DOCS=1 config_test writes it anew.
TEST(ServerOptions, DocumentationIsUpToDate) {
  const std::string path = "docs/options.md";
  if (process_environment()("NESO_UPDATE_DOCS")) {
    ASSERT_TRUE(write_file_atomically(std::filesystem::path(NESO_SOURCE_DIR) / path,
                                      server_options_markdown()));
  }
  EXPECT_EQ(read_data(path), server_options_markdown()) << "run: NESO_UPDATE_DOCS=1 config_test";
}

}  // namespace
}  // namespace neso
