// SPDX-License-Identifier: Apache-2.0
// What each API sends, and what it takes for an answer, against a server on the loopback.
#include "load/http_apis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "load/tally.h"
#include "net/test_server.h"

namespace neso::load {
namespace {

using testing::HasSubstr;

constexpr int64_t kPatienceNs = 5'000'000'000;

// Answers by path, and keeps what it was sent.
class ScriptedApi {
 public:
  struct Answer {
    int status = 200;
    std::string body;
  };

  explicit ScriptedApi(std::map<std::string, Answer> answers) : answers_(std::move(answers)) {
    server_ = net::start_server(
        net::test_options(), [this](net::HttpRequest request, net::Respond respond) {
          const auto found = answers_.find(request.path);
          net::HttpResponse response;
          response.status = found == answers_.end() ? 404 : found->second.status;
          response.body = found == answers_.end() ? "" : found->second.body;
          {
            std::lock_guard lock(mutex_);
            requests_.push_back(std::move(request));
          }
          respond(std::move(response));
        });
  }

  Target target(std::string api) const {
    Target target{.api = std::move(api), .timeout_ns = kPatienceNs};
    target.url = *net::parse_http_url("127.0.0.1:" + std::to_string(server_->port()));
    target.endpoint = {"127.0.0.1", server_->port()};
    return target;
  }
  net::HttpRequest last_request() {
    std::lock_guard lock(mutex_);
    return requests_.back();
  }

 private:
  const std::map<std::string, Answer> answers_;
  std::mutex mutex_;
  std::vector<net::HttpRequest> requests_;
  std::unique_ptr<net::HttpServer> server_;
};

// The outcome of the protocol's first request.
Tally call_once(const Target& target, const PayloadOptions& payload) {
  Tally tally;
  const auto protocol = open_protocol(target, payload);
  EXPECT_TRUE(protocol) << protocol.error().message;
  net::ClientLoop loop;
  const auto caller = (*protocol)->open(loop, [&](const Outcome& outcome) {
    tally.add(outcome, 1);
    loop.stop();
  });
  caller->call(0, system_clock().now_ns() + kPatienceNs);
  loop.run();
  return tally;
}

std::string error_of(const Tally& tally, OutcomeKind kind, int status = 0) {
  const auto found = tally.errors.find({kind, status});
  return found == tally.errors.end() ? "none" : found->second.example;
}

const PayloadOptions kTwoTexts{.model = "m", .rows = 2, .texts = {"a", "b"}};

TEST(OllamaApi, AsksForTextsAndCountsVectors) {
  ScriptedApi api({{"/api/embed", {200, R"({"model":"m","embeddings":[[1,2],[3,4]]})"}}});
  EXPECT_EQ(call_once(api.target("ollama"), kTwoTexts).latency.count(), 1U);
  EXPECT_EQ(api.last_request().method, "POST");
  EXPECT_EQ(api.last_request().body, R"({"model":"m","input":["a","b"]})");
  EXPECT_EQ(api.last_request().header("Content-Type"), "application/json");
}

TEST(OpenAiApi, AsksForTextsAndCountsVectors) {
  ScriptedApi api(
      {{"/v1/embeddings",
        {200, R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},)"
              R"({"object": "embedding", "index": 1, "embedding": [2]}],"model":"m"})"}}});
  EXPECT_EQ(call_once(api.target("openai"), kTwoTexts).latency.count(), 1U);
  EXPECT_EQ(api.last_request().body, R"({"model":"m","input":["a","b"]})");
  PayloadOptions base64 = kTwoTexts;
  base64.binary = true;
  call_once(api.target("openai"), base64);
  EXPECT_EQ(api.last_request().body,
            R"({"model":"m","input":["a","b"],"encoding_format":"base64"})");
}

TEST(TeiApi, AsksForTextsAndCountsVectors) {
  ScriptedApi api({{"/embed", {200, "[[1,2],[3,4]]"}}});
  EXPECT_EQ(call_once(api.target("tei"), kTwoTexts).latency.count(), 1U);
  EXPECT_EQ(api.last_request().body, R"({"inputs":["a","b"]})");
}

TEST(TextApis, AnotherNumberOfVectorsOrAnotherAnswerIsNoGoodOne) {
  const std::string one = "the answer has 1 rows instead of 2";
  const std::string foreign = "the answer is not what this API answers";
  ScriptedApi short_ones({{"/api/embed", {200, R"({"embeddings":[[1,2]]})"}},
                          {"/v1/embeddings", {200, R"({"data":[{"embedding":[1]}]})"}},
                          {"/embed", {200, "[[1]]"}}});
  ScriptedApi foreign_ones({{"/api/embed", {200, R"({"embedding":[1]})"}},
                            {"/v1/embeddings", {200, "hello"}},
                            {"/embed", {200, R"({"vectors":[[1],[2]]})"}}});
  for (const char* api : {"ollama", "openai", "tei"}) {
    EXPECT_EQ(error_of(call_once(short_ones.target(api), kTwoTexts), OutcomeKind::Rows), one);
    EXPECT_EQ(error_of(call_once(foreign_ones.target(api), kTwoTexts), OutcomeKind::Rows), foreign);
  }
}

TEST(TextApis, AStatusIsAnErrorWithTheServersSentence) {
  ScriptedApi api(
      {{"/api/embed", {404, R"({"error":"model 'm' not found"})"}},
       {"/v1/embeddings", {401, R"({"error":{"message":"no key","code":null}})"}},
       {"/embed", {429, R"({"error":"Model is overloaded","error_type":"overloaded"})"}}});
  EXPECT_EQ(error_of(call_once(api.target("ollama"), kTwoTexts), OutcomeKind::Status, 404),
            "model 'm' not found");
  EXPECT_EQ(error_of(call_once(api.target("openai"), kTwoTexts), OutcomeKind::Status, 401),
            "no key");
  EXPECT_EQ(error_of(call_once(api.target("tei"), kTwoTexts), OutcomeKind::Status, 429),
            "Model is overloaded");
}

const char* const kMetadata =
    R"({"inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],"outputs":[]})";

TEST(TritonApi, AsksForTheModelsInputs) {
  ScriptedApi api({{"/v2/models/m", {200, kMetadata}},
                   {"/v2/models/m/config", {200, R"({"max_batch_size":8})"}},
                   {"/v2/models/m/infer", {200, R"({"outputs":[{"name":"y","shape":[3,2]}]})"}}});
  PayloadOptions payload{.model = "m", .rows = 3};
  EXPECT_EQ(call_once(api.target("triton"), payload).latency.count(), 1U);
  EXPECT_THAT(api.last_request().body, HasSubstr(R"("datatype":"FP32","shape":[3,2],"data":[)"));
  payload.binary = true;
  EXPECT_EQ(call_once(api.target("triton"), payload).latency.count(), 1U);
  const net::HttpRequest binary = api.last_request();
  EXPECT_EQ(binary.header("Content-Type"), "application/octet-stream");
  const std::string json_bytes(binary.header("Inference-Header-Content-Length").value_or(""));
  EXPECT_EQ(binary.body.size(), std::stoul(json_bytes) + 6 * sizeof(float));
  payload.rows = 2;
  EXPECT_EQ(error_of(call_once(api.target("triton"), payload), OutcomeKind::Rows),
            "the answer has 3 rows instead of 2");
}

TEST(TritonApi, SendsTextsToAModelOfTokensWhenThereAreSome) {
  ScriptedApi api(
      {{"/v2/models/m",
        {200, R"({"inputs":[{"name":"input_ids","datatype":"INT64","shape":[-1,-1]}]})"}},
       {"/v2/models/m/config", {200, R"({"max_batch_size":8})"}},
       {"/v2/models/m/infer", {200, R"({"outputs":[{"shape":[2,4]}]})"}}});
  EXPECT_EQ(call_once(api.target("triton"), kTwoTexts).latency.count(), 1U);
  EXPECT_EQ(api.last_request().body,
            R"({"inputs":[{"name":"text","datatype":"BYTES","shape":[2,1],"data":["a","b"]}]})");
  call_once(api.target("triton"), {.model = "m", .rows = 2, .tokens = 3});
  EXPECT_THAT(api.last_request().body,
              HasSubstr(R"("input_ids","datatype":"INT64","shape":[2,3])"));
}

TEST(TritonApi, DoesWithoutTheConfigOfAServerThatHasNone) {
  ScriptedApi api({{"/v2/models/m", {200, kMetadata}},
                   {"/v2/models/m/infer", {200, R"({"outputs":[{"shape":[2,2]}]})"}}});
  EXPECT_EQ(call_once(api.target("triton"), {.model = "m", .rows = 2}).latency.count(), 1U);
}

TEST(TritonApi, SaysWhyThereIsNothingToSend) {
  ScriptedApi api(
      {{"/v2/models/m", {404, R"({"error":"Request for unknown model: 'm' is not found"})"}}});
  const auto unknown = open_protocol(api.target("triton"), {.model = "m"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(
      unknown.error().message,
      "GET /v2/models/m was answered with status 404: Request for unknown model: 'm' is not found");
  for (const char* name : {"", "a b", "a/b", "a?b", "a\r\nb"})
    EXPECT_FALSE(open_protocol(api.target("triton"), {.model = name})) << name;
}

TEST(Protocols, AnOptionThatAnApiHasNoUseForIsRefused) {
  ScriptedApi api({});
  for (const char* name : {"ollama", "tei"}) {
    EXPECT_FALSE(open_protocol(api.target(name), {.model = "m", .binary = true})) << name;
    EXPECT_FALSE(open_protocol(api.target(name), {.model = "m", .text_input = "text"})) << name;
  }
  EXPECT_FALSE(open_protocol(api.target("openai"), {.model = "m", .shapes = {{"x", Shape{1}}}}));
}

TEST(Protocols, RequestsDifferAndEveryTextIsSent) {
  ScriptedApi api({});
  PayloadOptions payload{.model = "m"};
  EXPECT_EQ((*open_protocol(api.target("tei"), payload))->request_count(), 4096U);
  payload.texts.assign(10'000, "text");
  payload.rows = 2;
  EXPECT_EQ((*open_protocol(api.target("tei"), payload))->request_count(), 5000U);
  const auto unknown = open_protocol(api.target("soap"), payload);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message,
            "there is no API 'soap'; choose from triton, triton-grpc, ollama, openai, tei");
}

}  // namespace
}  // namespace neso::load
