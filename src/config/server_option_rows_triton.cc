// SPDX-License-Identifier: Apache-2.0
// Sections of Triton's command line that have little counterpart here: accepted, checked, and noted
// in the log.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "config/server_option_forms.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

constexpr std::string_view kNoSagemaker = "SageMaker's endpoints are not served";
constexpr std::string_view kNoVertex = "Vertex AI's endpoints are not served";

constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();

OptionValue ignored_pair(std::string placeholder, char delimiter, double max_second) {
  return ignored_value(std::move(placeholder), "", [delimiter, max_second](std::string_view text) {
    return check_pair(text, delimiter, max_second);
  });
}

OptionValue backend_config_value(ServerOptions& o) {
  return {"<string>,<string>=<string>", "", [&o](std::string_view text) -> Result<> {
            if (text.starts_with(',')) {
              return invalid_argument(
                  "No backend specified. --backend-config option format is <backend "
                  "name>,<setting>=<value> or <setting>=<value>. Got {}",
                  text);
            }
            const auto parts = split_named_setting(text);
            if (!parts) {
              return invalid_argument(
                  "--backend-config option format is '<backend name>,<setting>=<value>'. Got {}",
                  text);
            }
            if (parts->setting == "default-max-batch-size") {
              NESO_TRY_VOID(read_integer(parts->value, 0, kMaxInt));
            }
            o.backend_config[std::string(parts->name)].insert_or_assign(std::string(parts->setting),
                                                                        std::string(parts->value));
            return {};
          }};
}

OptionValue cache_config_value(ServerDraft& draft) {
  return {"<string>,<string>=<string>", "", [&draft](std::string_view text) -> Result<> {
            const auto parts = split_named_setting(text);
            if (!parts || parts->name.empty()) {
              return invalid_argument(
                  "No cache specified. --cache-config option format is <cache "
                  "name>,<setting>=<value>. Got {}",
                  text);
            }
            if (parts->name != "local" || parts->setting != "size") {
              return invalid_argument(
                  "the only response cache is in memory: write local,size=BYTES. Got {}", text);
            }
            NESO_TRY(draft.options.response_cache_bytes,
                     read_integer(parts->value, 0, std::numeric_limits<int64_t>::max()));
            draft.cache_config_given = true;
            return {};
          }};
}

// "<name>:<count>" or "<name>:<count>:<device>", whose letters' case means nothing in Triton.
OptionValue rate_limit_resource_value(ServerOptions& o) {
  return {"<string>:<integer>:<integer>", "", [&o](std::string_view text) -> Result<> {
            const size_t first = text.find(':');
            const auto colons = std::count(text.begin(), text.end(), ':');
            if (first == std::string_view::npos || first == 0 || colons > 2) {
              return invalid_argument(
                  "--rate-limit-resource option format is '<resource_name>:<count>:<device>' or "
                  "'<resource_name>:<count>'. Got {}",
                  text);
            }
            const size_t second = text.find(':', first + 1);
            ResourceLimit limit{.name = lower_case(text.substr(0, first))};
            NESO_TRY(const int64_t count,
                     read_integer(text.substr(first + 1, second - first - 1), 0, kMaxInt));
            limit.count = static_cast<uint32_t>(count);
            if (second != std::string_view::npos) {
              NESO_TRY(const int64_t device, read_integer(text.substr(second + 1), 0, kMaxInt));
              limit.device = static_cast<int>(device);
            }
            o.rate_limit_resources.push_back(std::move(limit));
            return {};
          }};
}

// Values are looked at where an instance needs them, as in Triton.
OptionValue host_policy_value(ServerOptions& o) {
  return {"<string>,<string>=<string>", "", [&o](std::string_view text) -> Result<> {
            NESO_TRY_VOID(check_named_setting(text, "host-policy", "policy name", ','));
            const auto parts = split_named_setting(text);
            const bool is_node = parts->setting == "numa-node";
            if (!is_node && parts->setting != "cpu-cores") {
              return unsupported(
                  "Unsupported host policy setting '{}' is specified, supported settings are "
                  "'numa-node', 'cpu-cores'",
                  parts->setting);
            }
            HostPolicy& policy = o.host_policies[std::string(parts->name)];
            (is_node ? policy.numa_node : policy.cpu_cores) = parts->value;
            return {};
          }};
}

}  // namespace

OptionSection sagemaker_section() {
  return {
      "Sagemaker",
      {{"allow-sagemaker", ignored_bool("false"), "Serve SageMaker's endpoints.", kNoSagemaker,
        "false"},
       {"sagemaker-port", ignored_integer("8080"), "Port of SageMaker's endpoints.", kNoSagemaker},
       {"sagemaker-safe-port-range", ignored_pair("<integer>-<integer>", '-', 65535),
        "Ports that other endpoints may have.", kNoSagemaker},
       {"sagemaker-thread-count", ignored_integer("8", 1), "Threads for SageMaker's endpoints.",
        kNoSagemaker}}};
}

OptionSection vertex_section() {
  return {"Vertex",
          {{"allow-vertex-ai", ignored_bool("false"), "Serve Vertex AI's endpoints.", kNoVertex,
            "false"},
           {"vertex-ai-port", ignored_integer("8080"), "Port of Vertex AI's endpoints.", kNoVertex},
           {"vertex-ai-thread-count", ignored_integer("8", 1), "Threads for Vertex AI's endpoints.",
            kNoVertex},
           {"vertex-ai-default-model", ignored_text(), "Model of requests that name none.",
            kNoVertex}}};
}

OptionSection backend_section(ServerDraft& draft) {
  return {"Backend",
          {{"backend-directory", ignored_text("/opt/tritonserver/backends"),
            "Folder of Triton's backends.", "the backends are part of this program"},
           {"backend-config", backend_config_value(draft.options),
            "A setting of a backend, BACKEND,SETTING=VALUE, or of all, SETTING=VALUE, such as "
            "onnxruntime,default-max-batch-size=8. May be given several times."}}};
}

OptionSection repository_agent_section() {
  return {"Repository Agent",
          {{"repoagent-directory", ignored_text("/opt/tritonserver/repoagents"),
            "Folder of Triton's repository agents.", "there are no repository agents"}}};
}

OptionSection response_cache_section(ServerDraft& draft) {
  return {"Response Cache",
          {{"cache-config", cache_config_value(draft),
            "The response cache, for models whose config has response_cache { enable: true }: "
            "local,size=BYTES. Its bytes are part of the memory budget."},
           {"cache-directory", ignored_text("/opt/tritonserver/caches"),
            "Folder of Triton's caches.", "the response cache is a part of the server"}}};
}

OptionSection rate_limiter_section(ServerOptions& o) {
  const OptionValue rate_limit = {
      "string", "off", [&o](std::string_view text) -> Result<> {
        constexpr std::string_view kModes[] = {"off", "execution_count"};
        NESO_TRY(const size_t mode, read_choice(text, "rate-limit", kModes));
        o.rate_limit = mode == 1;
        return {};
      }};
  return {
      "Rate Limiter",
      {{"rate-limit", rate_limit,
        "\"execution_count\": an instance runs when it has the resources that its config's "
        "instance_group.rate_limiter asks for, and priorities share the turns. \"off\": it runs "
        "as soon as it is free."},
       {"rate-limit-resource", rate_limit_resource_value(o),
        "How many there are of a resource, as NAME:COUNT, or NAME:COUNT:DEVICE for one device "
        "(the CPU is 0). One that is not named has as many as the instance that needs most of "
        "it. May be given several times."}}};
}

OptionSection memory_section(ServerOptions& o) {
  constexpr double kMaxBytes = 1e15;
  return {"Memory/Device Management",
          {{"pinned-memory-pool-byte-size", ignored_integer("268435456"),
            "Bytes of page-locked memory for copies to GPUs.", kNoGpu},
           {"cuda-memory-pool-byte-size", ignored_pair("<integer>:<integer>", ':', kMaxBytes),
            "Bytes of GPU memory for tensors, as GPU:BYTES.", kNoGpu},
           {"cuda-virtual-address-size", ignored_pair("<integer>:<integer>", ':', kMaxBytes),
            "Bytes of GPU address space for a growing state, as GPU:BYTES.", kNoGpu},
           {"min-supported-compute-capability", ignored_float("6", 0, 1000),
            "Least CUDA compute capability of the GPUs that are used.", kNoGpu},
           {"buffer-manager-thread-count", ignored_integer("0"),
            "Threads that copy inputs and outputs.",
            "tensors are handed over without copying threads", "0"},
           {"host-policy", host_policy_value(o),
            "Where the instances run whose config names the policy (instance_group.host_policy; "
            "those that name none have \"cpu\"): POLICY,cpu-cores=0-3,8 on these cores, "
            "POLICY,numa-node=N on those of a node. With both, on the cores. May be given several "
            "times."},
           {"model-load-gpu-limit", ignored_pair("<device_id>:<fraction>", ':', 1),
            "Share of a GPU's memory above which no model is loaded, as GPU:FRACTION.", kNoGpu},
           {"allow-client-shm", bool_value(o.allow_client_shm),
            "Let clients register shared memory."}}};
}

}  // namespace neso
