// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace neso::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

constexpr size_t kReadBytes = size_t{64} << 10;
constexpr uint32_t kMaxHeadBytes = 64 << 10;

// Keeps status and body of an answer, and no header.
class AnswerParser final : public http::basic_parser<false> {
 public:
  explicit AnswerParser(std::string& body) : body_(body) {
    body_.clear();
    eager(true);
    header_limit(kMaxHeadBytes);
    body_limit(boost::none);
  }
  int status() const { return status_; }

 private:
  void on_response_impl(int status, BeastView, int, error_code&) override { status_ = status; }
  size_t on_body_impl(BeastView body, error_code&) override { return append(body); }
  size_t on_chunk_body_impl(uint64_t, BeastView body, error_code&) override { return append(body); }
  size_t append(BeastView body) {
    body_.append(body.data(), body.size());
    return body.size();
  }
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  void on_request_impl(http::verb, BeastView, BeastView, int, error_code&) override {}
  void on_field_impl(http::field, BeastView, BeastView, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_chunk_header_impl(uint64_t, BeastView, error_code&) override {}
  void on_finish_impl(error_code&) override {}

  std::string& body_;
  int status_ = 0;
};

}  // namespace

// What a handler needs when it arrives after the client has died is `life` alone.
struct HttpClient::State {
  State(ClientLoop& loop, const Endpoint& endpoint, OnReply the_on_reply)
      : socket(loop.context()),
        peer(asio::ip::make_address(endpoint.address), endpoint.port),
        on_reply(std::move(the_on_reply)),
        alarm(loop, [this] { check_deadline(); }) {}

  // A handler of the request that is under way; those of earlier ones do nothing.
  template <typename Handler>
  auto guarded(Handler handler) {
    return [this, handler = std::move(handler), alive = std::weak_ptr<int>(life), of = epoch](
               const error_code& error, size_t bytes = 0) {
      if (!alive.expired() && of == epoch) handler(error, bytes);
    };
  }

  void send(std::string_view the_request, int64_t the_deadline_ns);
  void check_deadline();
  void connect();
  void write();
  void read();
  void take(size_t bytes);
  void end_of_stream(const error_code& error);
  void finish(const HttpReply& reply);
  void fail(HttpFailure failure, std::string reason);
  void drop();

  tcp::socket socket;
  const tcp::endpoint peer;
  const OnReply on_reply;
  const std::shared_ptr<int> life = std::make_shared<int>();
  uint64_t epoch = 0;  // one per connection and request

  std::string_view request;
  int64_t deadline_ns = 0;
  bool busy = false;
  bool connection_was_kept = false;  // from the request before
  std::vector<char> input = std::vector<char>(kReadBytes);
  size_t filled = 0;  // of input: bytes that the parser has not taken
  std::optional<AnswerParser> parser;
  std::string body;
  std::string reason;

  LoopAlarm alarm;       // for the deadline, or for one before it
  int64_t alarm_ns = 0;  // 0: not set
};

void HttpClient::State::send(std::string_view the_request, int64_t the_deadline_ns) {
  request = the_request;
  deadline_ns = the_deadline_ns;
  busy = true;
  ++epoch;
  // An alarm that rings too early is put off then: most requests leave the timer alone.
  if (alarm_ns == 0 || alarm_ns > deadline_ns) {
    alarm_ns = deadline_ns;
    alarm.set(alarm_ns);
  }
  parser.emplace(body);
  filled = 0;
  connection_was_kept = socket.is_open();
  connection_was_kept ? write() : connect();
}

void HttpClient::State::check_deadline() {
  alarm_ns = 0;
  if (!busy) return;
  if (system_clock().now_ns() < deadline_ns) {
    alarm_ns = deadline_ns;
    alarm.set(alarm_ns);
    return;
  }
  fail(HttpFailure::Timeout, "no answer came in time");
}

void HttpClient::State::connect() {
  socket.async_connect(peer, guarded([this](const error_code& error, size_t) {
                         if (error) return fail(HttpFailure::Connect, error.message());
                         error_code ignored;
                         socket.set_option(tcp::no_delay(true), ignored);
                         socket.non_blocking(true, ignored);
                         write();
                       }));
}

void HttpClient::State::write() {
  error_code error;
  const size_t written = socket.write_some(asio::buffer(request), error);
  if (error && error != asio::error::would_block) return end_of_stream(error);
  if (written == request.size()) return read();
  asio::async_write(socket, asio::buffer(request.substr(written)),
                    guarded([this](const error_code& write_error, size_t) {
                      if (write_error) return end_of_stream(write_error);
                      read();
                    }));
}

void HttpClient::State::read() {
  if (filled == input.size()) input.resize(2 * input.size());
  socket.async_read_some(asio::buffer(input.data() + filled, input.size() - filled),
                         guarded([this](const error_code& error, size_t bytes) {
                           if (error) return end_of_stream(error);
                           take(bytes);
                         }));
}

void HttpClient::State::take(size_t bytes) {
  filled += bytes;
  error_code error;
  const size_t used = parser->put(asio::buffer(input.data(), filled), error);
  if (error == http::error::need_more) error = {};
  if (error) return fail(HttpFailure::Malformed, error.message());
  std::copy(input.data() + used, input.data() + filled, input.data());
  filled -= used;
  if (!parser->is_done()) return read();
  // Bytes that nobody asked for would be taken for the next answer.
  if (!parser->keep_alive() || filled > 0) drop();
  finish({.status = parser->status(), .body = body});
}

// The server closed the connection, or it broke.
void HttpClient::State::end_of_stream(const error_code& error) {
  drop();
  if (error == asio::error::eof && parser->got_some()) {
    error_code rest;
    parser->put_eof(rest);
    if (!rest && parser->is_done())  // a body without a length ends with the connection
      return finish({.status = parser->status(), .body = body});
  }
  if (connection_was_kept && !parser->got_some() && filled == 0) {
    connection_was_kept = false;
    return connect();
  }
  fail(HttpFailure::Reset, error == asio::error::eof
                               ? "the server closed the connection before its answer was complete"
                               : error.message());
}

void HttpClient::State::finish(const HttpReply& reply) {
  busy = false;
  ++epoch;
  on_reply(reply);
}

void HttpClient::State::fail(HttpFailure failure, std::string why) {
  drop();
  reason = std::move(why);
  finish({.failure = failure, .reason = reason});
}

void HttpClient::State::drop() {
  ++epoch;
  error_code ignored;
  socket.close(ignored);
}

HttpClient::HttpClient(ClientLoop& loop, const Endpoint& endpoint, OnReply on_reply)
    : state_(std::make_unique<State>(loop, endpoint, std::move(on_reply))) {}
HttpClient::~HttpClient() = default;

void HttpClient::send(std::string_view request, int64_t deadline_ns) {
  state_->send(request, deadline_ns);
}

std::string http_request_bytes(const HttpUrl& url, const HttpCall& call) {
  std::string bytes = fmt::format("{} {}{} HTTP/1.1\r\nHost: {}\r\n", call.method, url.path,
                                  call.path, url.authority);
  for (const auto& [name, value] : call.headers) bytes += fmt::format("{}: {}\r\n", name, value);
  if (!call.body.empty() || call.method != "GET")
    bytes += fmt::format("Content-Length: {}\r\n", call.body.size());
  bytes += "\r\n";
  bytes += call.body;
  return bytes;
}

Result<HttpAnswer> http_ask(const HttpUrl& url, const Endpoint& endpoint, const HttpCall& call,
                            int64_t timeout_ns) {
  const std::string bytes = http_request_bytes(url, call);
  ClientLoop loop;
  Result<HttpAnswer> answer = internal_error("no answer");
  HttpClient client(loop, endpoint, [&](const HttpReply& reply) {
    if (reply.failure == HttpFailure::None) {
      answer = HttpAnswer{reply.status, std::string(reply.body)};
    } else {
      answer = not_ready("{} {}{} at {} gave no answer: {}", call.method, url.path, call.path,
                         url.authority, reply.reason);
    }
    loop.stop();
  });
  client.send(bytes, system_clock().now_ns() + timeout_ns);
  loop.run();
  return answer;
}

}  // namespace neso::net
