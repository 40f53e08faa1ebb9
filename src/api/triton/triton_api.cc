// SPDX-License-Identifier: Apache-2.0
#include "api/triton/triton_api.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "api/extensions.h"
#include "api/hand_over.h"
#include "api/triton/caller.h"
#include "api/triton/describe.h"
#include "api/triton/generate_api.h"
#include "api/triton/guarded_routes.h"
#include "api/triton/infer_request.h"
#include "api/triton/logging_api.h"
#include "api/triton/model_target.h"
#include "api/triton/repository_request.h"
#include "api/triton/request_trace.h"
#include "api/triton/shared_memory_api.h"
#include "api/triton/status.h"
#include "api/triton/trace_api.h"
#include "base/error.h"
#include "config/model_config.h"
#include "net/content_coding.h"
#include "net/router.h"

namespace neso::triton {
namespace {

using net::Coding;
using net::HttpRequest;
using net::HttpResponse;
using net::PathParameters;
using net::Respond;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain";

HttpResponse json_response(std::string body) {
  return {.body = std::move(body)};
}
HttpResponse empty_response() {
  return {.content_type = std::string(kText)};
}

// One operation per method; every one answers exactly once. What is posted to the service keeps it:
// a request whose client left may run when the server is gone.
class TritonApi : public std::enable_shared_from_this<TritonApi> {
 public:
  TritonApi(Service& service, TritonApiOptions options)
      : service_(service), options_(std::move(options)) {}

  HttpResponse server_metadata() const {
    return json_response(
        server_metadata_json(options_.server_name, options_.server_version, kProtocolExtensions));
  }

  HttpResponse live() const { return service_.live() ? empty_response() : not_ready(400); }
  // 503 when it will not be ready any more: Triton, whose port is closed by then, has no answer.
  HttpResponse ready() const {
    if (service_.ready()) return empty_response();
    return not_ready(service_.stopping() ? 503 : 400);
  }

  HttpResponse model_ready(const PathParameters& path) const {
    const auto target = target_of(path);
    if (!target) return error_response(target.error(), kText);
    if (!service_.model_ready(target->model, target->version)) {
      return error_response(400, "Model version not ready", kText);
    }
    return empty_response();
  }

  HttpResponse model_metadata(const PathParameters& path) const {
    return answer(path, [&](const ModelTarget& target) -> Result<std::string> {
      NESO_TRY(const ModelMetadata metadata, service_.model_metadata(target.model, target.version));
      return model_metadata_json(metadata);
    });
  }

  HttpResponse model_config(const PathParameters& path) const {
    return answer(path, [&](const ModelTarget& target) -> Result<std::string> {
      NESO_TRY(const ModelConfig config, service_.model_config(target.model, target.version));
      return model_config_json(config);
    });
  }

  HttpResponse statistics(const PathParameters& path) const {
    return answer(path, [&](const ModelTarget& target) -> Result<std::string> {
      NESO_TRY(const auto models, service_.statistics(target.model, target.version));
      return statistics_json(models);
    });
  }

  HttpResponse index(const HttpRequest& request) const {
    const auto ready_only = decode_index_request(request.body);
    if (!ready_only) return error_response(ready_only.error());
    return json_response(index_json(service_.index(*ready_only)));
  }

  void load(const HttpRequest& request, const PathParameters& path, Respond respond) const {
    if (auto refusal = refuse_named_repository(path)) return respond(std::move(*refusal));
    auto overrides = decode_load_request(request.body);
    if (!overrides) return respond(error_response(overrides.error()));
    service_.load_model(std::string(path["model"]), std::move(overrides).value(),
                        when_changed(std::move(respond)));
  }
  void unload(const HttpRequest& request, const PathParameters& path, Respond respond) const {
    if (auto refusal = refuse_named_repository(path)) return respond(std::move(*refusal));
    service_.unload_model(std::string(path["model"]), unloads_dependents(request.body),
                          when_changed(std::move(respond)));
  }

  // An unknown model wins over whatever else is wrong with the request, as in Triton.
  void infer(HttpRequest request, const PathParameters& path, Respond respond) const {
    const auto target = target_of(path);
    if (!target) return respond(error_response(target.error()));
    if (auto found = service_.check_model(target->model, target->version); !found) {
      return respond(error_response(found.error(), kText));
    }
    const auto coding = net::coding_from(request.header("Content-Encoding").value_or("identity"));
    if (!coding) {
      HttpResponse refusal = error_response(coding.error(), kText);
      refusal.headers.emplace_back("Accept-Encoding", "gzip, deflate");
      return respond(std::move(refusal));
    }
    auto trace = begin_trace(service_.tracer(), target->model, request);
    respond = traced(std::move(respond), trace);
    // Shared, because a std::function must be copyable.
    auto work = std::make_shared<InferWork>(std::string(target->model), target->version,
                                            std::move(request), *coding, std::move(respond));
    work->trace = std::move(trace);
    if (work->coding != Coding::Identity || work->request.body.size() > kReadAtOnce) {
      return service_.post([self = shared_from_this(), work] {
        if (self->decode(*work)) self->run(*work);
      });
    }
    if (!decode(*work)) return;
    HandOver how = hand_over_of(work->decoded->request);
    if (how == HandOver::None && wanted_coding(*work) != Coding::Identity) how = HandOver::Brief;
    hand_over(service_, how, [self = shared_from_this(), work] { self->run(*work); });
  }

 private:
  struct InferWork {
    std::string model;
    std::optional<int64_t> version;
    HttpRequest request;
    Coding coding;
    Respond respond;
    Caller caller;
    std::shared_ptr<Trace> trace = {};
    std::optional<DecodedInfer> decoded = {};
    InferWork(std::string name, std::optional<int64_t> number, HttpRequest http,
              Coding content_coding, Respond callback)
        : model(std::move(name)),
          version(number),
          request(std::move(http)),
          coding(content_coding),
          respond(std::move(callback)),
          caller(caller_of(request)) {}
  };

  static Coding wanted_coding(const InferWork& work) {
    return net::choose_coding(work.request.header("Accept-Encoding").value_or(""));
  }

  // False when it has answered, or nobody reads the answer.
  bool decode(InferWork& work) const {
    HttpRequest& http = work.request;
    if (http.gone && http.gone->load()) return false;
    if (work.coding != Coding::Identity) {
      auto plain = net::decompress(http.body, options_.max_input_bytes);
      if (!plain) return work.respond(error_response(plain.error(), kText)), false;
      http.body = std::move(plain).value();
    }
    const auto parts = split_body(http);
    if (!parts) return work.respond(error_response(parts.error(), kText)), false;
    auto decoded =
        decode_infer(work.model, *parts, options_.max_input_bytes, service_.shared_memory());
    if (!decoded) return work.respond(error_response(decoded.error())), false;
    decoded->request.version = work.version;
    decoded->request.caller = work.caller;
    decoded->request.gone = http.gone;
    decoded->request.trace = std::move(work.trace);
    work.decoded = std::move(decoded).value();
    return true;
  }

  void run(InferWork& work) const {
    const Coding wanted = wanted_coding(work);
    auto respond = std::make_shared<Respond>(std::move(work.respond));
    // From here on the decoded tensors count, which may keep the body.
    work.request.body = {};
    work.request.memory = nullptr;
    service_.infer(std::move(work.decoded->request),
                   Completion<InferResponse>(
                       [respond, wanted, helpers = &service_.workers(),
                        formats = std::move(work.decoded->formats)](Result<InferResponse> result) {
                         (*respond)(infer_answer(result, formats, wanted, *helpers));
                       }));
  }

  // Like Triton, what failed after it was queued is told in text/plain.
  static HttpResponse infer_answer(const Result<InferResponse>& result,
                                   const OutputFormats& formats, Coding wanted,
                                   ThreadPool& helpers) {
    if (!result) {
      return error_response(result.error(), failed_after_queueing(result.error()) ? kText : kJson);
    }
    auto answer = encode_infer(*result, formats, &helpers);
    if (!answer) return error_response(answer.error(), kText);
    if (wanted != Coding::Identity) {
      answer->body = std::move(*answer).joined_body();
      if (auto packed = net::compress(answer->body, wanted)) {
        answer->body = std::move(*packed);
        answer->headers.emplace_back("Content-Encoding", net::to_string(wanted));
      }
    }
    return std::move(answer).value();
  }

  static std::optional<HttpResponse> refuse_named_repository(const PathParameters& path) {
    if (path["repository"].empty()) return std::nullopt;
    return error_response(501, "'repository_name' specification is not supported", kJson);
  }

  // An empty 200, or why not.
  static Completion<void> when_changed(Respond respond) {
    const auto shared = std::make_shared<Respond>(std::move(respond));
    return Completion<void>([shared](const Result<>& result) {
      (*shared)(result ? json_response("") : error_response(result.error()));
    });
  }

  template <typename Describe>
  HttpResponse answer(const PathParameters& path, const Describe& describe) const {
    const auto target = target_of(path);
    if (!target) return error_response(target.error());
    auto body = describe(*target);
    return body ? json_response(std::move(*body)) : error_response(body.error());
  }

  HttpResponse not_ready(int status) const {
    HttpResponse response = empty_response();
    response.status = status;
    return response;
  }

  Service& service_;
  TritonApiOptions options_;
};

// Triton's health routes answer in text/plain, its other ones in JSON.
bool is_health_path(std::string_view path) {
  return path.starts_with("/v2/health/") || path.ends_with("/ready");
}

// A door of one operation that is answered at once.
template <typename Answer>
net::Route at_once(std::string method, std::string pattern, const Answer& answer) {
  return {std::move(method), std::move(pattern),
          [answer](const HttpRequest& request, const PathParameters& path, Respond respond) {
            respond(answer(request, path));
          }};
}

void add_server_routes(GuardedRoutes& routes, const std::shared_ptr<const TritonApi>& api) {
  routes.of("metadata")
      .push_back(at_once("GET", "/v2", [api](const HttpRequest&, const PathParameters&) {
        return api->server_metadata();
      }));
  auto& health = routes.of("health");
  health.push_back(
      at_once("GET", "/v2/health/live",
              [api](const HttpRequest&, const PathParameters&) { return api->live(); }));
  health.push_back(
      at_once("GET", "/v2/health/ready",
              [api](const HttpRequest&, const PathParameters&) { return api->ready(); }));
}

void add_repository_routes(std::vector<net::Route>& routes,
                           const std::shared_ptr<const TritonApi>& api) {
  for (const std::string repository : {"/v2/repository", "/v2/repository/{repository}"}) {
    routes.push_back(at_once(
        "POST", repository + "/index",
        [api](const HttpRequest& request, const PathParameters&) { return api->index(request); }));
    routes.push_back({"POST", repository + "/models/{model}/load",
                      [api](const HttpRequest& request, const PathParameters& path,
                            Respond respond) { api->load(request, path, std::move(respond)); }});
    routes.push_back({"POST", repository + "/models/{model}/unload",
                      [api](const HttpRequest& request, const PathParameters& path,
                            Respond respond) { api->unload(request, path, std::move(respond)); }});
  }
}

void add_model_routes(GuardedRoutes& routes, const std::shared_ptr<const TritonApi>& api) {
  // A door of an operation that only looks at the model.
  const auto add = [&](std::string_view group, std::string pattern,
                       HttpResponse (TritonApi::*operation)(const PathParameters&) const) {
    routes.of(group).push_back(
        at_once("GET", std::move(pattern),
                [api, operation](const HttpRequest&, const PathParameters& path) {
                  return ((*api).*operation)(path);
                }));
  };
  add("statistics", "/v2/models/stats", &TritonApi::statistics);
  for (const std::string model :
       {"/v2/models/{model}", "/v2/models/{model}/versions/{version:digits}"}) {
    add("metadata", model, &TritonApi::model_metadata);
    add("health", model + "/ready", &TritonApi::model_ready);
    add("model-config", model + "/config", &TritonApi::model_config);
    add("statistics", model + "/stats", &TritonApi::statistics);
    routes.of("inference")
        .push_back({"POST", model + "/infer",
                    [api](HttpRequest request, const PathParameters& path, Respond respond) {
                      api->infer(std::move(request), path, std::move(respond));
                    }});
  }
}

std::vector<net::Route> triton_routes(const std::shared_ptr<const TritonApi>& api, Service& service,
                                      const TritonApiOptions& options) {
  GuardedRoutes routes;
  add_server_routes(routes, api);
  add_model_routes(routes, api);
  add_repository_routes(routes.of("model-repository"), api);
  add_logging_routes(routes.of("logging"));
  add_generate_routes(routes.of("inference"), service, options.max_input_bytes);
  add_shared_memory_routes(routes.of("shared-memory"), service.shared_memory());
  add_trace_routes(routes.of("trace"), service);
  return routes.take(options.restricted);
}

}  // namespace

net::HttpHandler make_triton_api(Service& service, const TritonApiOptions& options) {
  const auto api = std::make_shared<const TritonApi>(service, options);
  return net::Router(
      triton_routes(api, service, options),
      [](const HttpRequest&, Respond respond) { respond(error_response(404, "Not Found", kText)); },
      [](const HttpRequest& request, const std::string& allow, Respond respond) {
        const std::string_view type = is_health_path(request.path) ? kText : kJson;
        respond(
            net::method_not_allowed(allow, error_body("Method Not Allowed"), std::string(type)));
      });
}

net::HttpHandler make_metrics_api(const MetricRegistry& metrics) {
  return [&metrics](const HttpRequest& request, Respond respond) {
    if (request.method != "GET") {
      return respond(
          net::method_not_allowed("GET", error_body("Method Not Allowed"), std::string(kText)));
    }
    HttpResponse response;
    response.content_type = "text/plain; charset=utf-8";
    if (request.path == "/metrics" || request.path == "/metrics/") response.body = metrics.text();
    respond(std::move(response));
  };
}

}  // namespace neso::triton
