// SPDX-License-Identifier: Apache-2.0
#include "api/triton/generate_api.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "api/hand_over.h"
#include "api/triton/caller.h"
#include "api/triton/generate.h"
#include "api/triton/model_target.h"
#include "api/triton/request_trace.h"
#include "api/triton/status.h"
#include "base/error.h"

namespace neso::triton {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using net::Respond;

enum class Answer { Json, Events };

struct GenerateWork {
  std::string model;
  std::optional<int64_t> version;
  std::vector<TensorMetadata> inputs;
  Caller caller;
  HttpRequest request;
  Respond respond;
  Answer answer = Answer::Json;
  size_t max_input_bytes = 0;
  std::shared_ptr<Trace> trace = {};
};

HttpResponse wrapped(Answer answer, int status, std::string json) {
  HttpResponse response{.status = status, .body = std::move(json)};
  if (answer == Answer::Events) {
    response.content_type = "text/event-stream; charset=utf-8";
    response.body = fmt::format("data: {}\n\n", response.body);
  }
  return response;
}

// What fails once the request was queued is a response of its own in Triton: 400, whatever the
// error is, and an event in a stream.
HttpResponse failed_response(Answer answer, const Error& error) {
  return wrapped(answer, 400, error_body(error.message));
}

HttpResponse generate_answer(Answer answer, const Result<InferResponse>& result) {
  if (!result) {
    return failed_after_queueing(result.error()) ? failed_response(answer, result.error())
                                                 : error_response(result.error());
  }
  auto json = encode_generate(*result);
  return json ? wrapped(answer, 200, std::move(json).value())
              : failed_response(answer, json.error());
}

void run_generate(Service& service, GenerateWork& work) {
  const HttpRequest& http = work.request;
  if (http.gone && http.gone->load()) return;  // nobody reads the answer
  auto request = decode_generate(work.model, http.body, work.inputs, work.max_input_bytes);
  if (!request) return work.respond(error_response(request.error()));
  request->version = work.version;
  request->caller = work.caller;
  request->gone = http.gone;
  request->trace = std::move(work.trace);
  const auto respond = std::make_shared<Respond>(std::move(work.respond));
  service.infer(std::move(request).value(),
                Completion<InferResponse>(
                    [respond, answer = work.answer](const Result<InferResponse>& result) {
                      (*respond)(generate_answer(answer, result));
                    }));
}

Result<std::vector<TensorMetadata>> inputs_of(const Service& service, const ModelTarget& target,
                                              const HttpRequest& request) {
  NESO_TRY(auto inputs, service.model_inputs(target.model, target.version));
  if (request.header("Content-Encoding").value_or("identity") != "identity")
    return invalid_argument("Unsupported content-encoding, only 'identity' is supported.");
  return inputs;
}

}  // namespace

void add_generate_routes(std::vector<net::Route>& routes, Service& service,
                         size_t max_input_bytes) {
  const auto handler = [&service, max_input_bytes](Answer answer) {
    return [&service, max_input_bytes, answer](HttpRequest request, const net::PathParameters& path,
                                               Respond respond) {
      const auto target = target_of(path);
      if (!target) return respond(error_response(target.error()));
      auto inputs = inputs_of(service, *target, request);
      if (!inputs) return respond(error_response(inputs.error()));
      auto trace = begin_trace(service.tracer(), target->model, request);
      respond = traced(std::move(respond), trace);
      const Caller caller = caller_of(request);
      // Shared, because a std::function must be copyable.
      const auto work = std::make_shared<GenerateWork>(GenerateWork{
          std::string(target->model), target->version, std::move(inputs).value(), caller,
          std::move(request), std::move(respond), answer, max_input_bytes, std::move(trace)});
      const bool is_brief = work->request.body.size() <= kTokenizedBriefly;
      hand_over(service, is_brief ? HandOver::Brief : HandOver::Long,
                [&service, work] { run_generate(service, *work); });
    };
  };
  for (const std::string model :
       {"/v2/models/{model}", "/v2/models/{model}/versions/{version:digits}"}) {
    routes.push_back({"POST", model + "/generate", handler(Answer::Json)});
    routes.push_back({"POST", model + "/generate_stream", handler(Answer::Events)});
  }
}

}  // namespace neso::triton
