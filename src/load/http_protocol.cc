// SPDX-License-Identifier: Apache-2.0
#include "load/http_protocol.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace neso::load {
namespace {

constexpr size_t kMostBytes = size_t{64} << 20;  // of all requests, unless one is larger

OutcomeKind kind_of(net::HttpFailure failure) {
  switch (failure) {
    case net::HttpFailure::Connect:
      return OutcomeKind::Connect;
    case net::HttpFailure::Reset:
      return OutcomeKind::Reset;
    case net::HttpFailure::Timeout:
      return OutcomeKind::Timeout;
    case net::HttpFailure::Malformed:
      return OutcomeKind::Malformed;
    case net::HttpFailure::None:
      break;
  }
  return OutcomeKind::Good;
}

class HttpCaller final : public Caller {
 public:
  HttpCaller(const std::vector<std::string>& requests, const HttpApi& api, net::ClientLoop& loop,
             const net::Endpoint& endpoint, OnOutcome on_outcome)
      : requests_(requests),
        api_(api),
        on_outcome_(std::move(on_outcome)),
        client_(loop, endpoint, [this](const net::HttpReply& reply) { finish(reply); }) {}

  void call(size_t number, int64_t deadline_ns) override {
    client_.send(requests_[number], deadline_ns);
  }

 private:
  void finish(const net::HttpReply& reply) {
    if (reply.failure != net::HttpFailure::None)
      return on_outcome_({.kind = kind_of(reply.failure), .text = reply.reason});
    if (reply.status < 200 || reply.status > 299)
      return on_outcome_({OutcomeKind::Status, reply.status, reply.body});
    const int64_t rows = api_.rows_of(reply.body);
    if (api_.rows() == 0 || rows == api_.rows()) return on_outcome_({});
    const std::string sentence =
        rows < 0 ? std::string("the answer is not what this API answers")
                 : fmt::format("the answer has {} rows instead of {}", rows, api_.rows());
    on_outcome_({.kind = OutcomeKind::Rows, .text = sentence});
  }

  const std::vector<std::string>& requests_;
  const HttpApi& api_;
  const OnOutcome on_outcome_;
  net::HttpClient client_;
};

class HttpProtocol final : public Protocol {
 public:
  HttpProtocol(net::Endpoint endpoint, std::unique_ptr<HttpApi> api,
               std::vector<std::string> requests)
      : endpoint_(std::move(endpoint)), api_(std::move(api)), requests_(std::move(requests)) {}

  size_t request_count() const override { return requests_.size(); }
  std::unique_ptr<Caller> open(net::ClientLoop& loop, OnOutcome on_outcome) const override {
    return std::make_unique<HttpCaller>(requests_, *api_, loop, endpoint_, std::move(on_outcome));
  }

 private:
  const net::Endpoint endpoint_;
  const std::unique_ptr<const HttpApi> api_;
  const std::vector<std::string> requests_;
};

}  // namespace

Result<std::unique_ptr<Protocol>> make_http_protocol(const Target& target,
                                                     std::unique_ptr<HttpApi> api,
                                                     size_t most_requests) {
  std::vector<std::string> requests;
  for (size_t bytes = 0; requests.size() < most_requests && bytes < kMostBytes;) {
    NESO_TRY(HttpBody body, api->next());
    net::HttpCall call{"POST", body.path, std::move(body.headers), body.bytes};
    call.headers.emplace_back("Content-Type", body.content_type);
    requests.push_back(net::http_request_bytes(target.url, call));
    bytes += requests.back().size();
  }
  return std::unique_ptr<Protocol>(
      std::make_unique<HttpProtocol>(target.endpoint, std::move(api), std::move(requests)));
}

}  // namespace neso::load
