// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <vector>

namespace neso::net {
namespace {

using Progress = RequestParser::Progress;

struct Parsed {
  std::vector<ParsedRequest> requests;
  Refusal refusal;
  bool asked_to_continue = false;
  std::string rest;  // not consumed
};

// Gives `bytes` to a parser, `piece` at a time, as a connection does.
Parsed parse(std::string_view bytes, size_t piece, const RequestLimits& limits = {}) {
  Parsed result;
  RequestParser parser(limits);
  for (size_t at = 0; at < bytes.size() && !result.refusal; at += piece) {
    result.rest += bytes.substr(at, piece);
    for (;;) {
      size_t consumed = 0;
      const Progress progress = parser.feed(result.rest, consumed);
      result.rest.erase(0, consumed);
      if (progress == Progress::Continue) result.asked_to_continue = true;
      if (progress == Progress::Refused) result.refusal = parser.refusal();
      if (progress != Progress::Complete) break;
      result.requests.push_back(parser.take());
      if (result.rest.empty()) break;
    }
  }
  return result;
}

constexpr size_t kWhole = 1 << 30;

TEST(RequestParser, ReadsTargetHeadersAndBody) {
  const Parsed parsed = parse(
      "POST /v2/models/a%20b/infer?x=1&y=?2 HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nContent-Length: "
      "5\r\n"
      "Two:  blanks\tinside \t\r\n\r\nhello",
      kWhole);
  ASSERT_EQ(parsed.requests.size(), 1u);
  const HttpRequest& request = parsed.requests[0].request;
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/v2/models/a%20b/infer");
  EXPECT_EQ(request.query, "x=1&y=?2");
  EXPECT_EQ(request.body, "hello");
  const Headers expected = {
      {"Host", "h"}, {"X-Empty", ""}, {"Content-Length", "5"}, {"Two", "blanks\tinside"}};
  EXPECT_EQ(request.headers, expected);
  EXPECT_EQ(request.header("content-LENGTH"), "5");
  EXPECT_EQ(request.header("x-empty"), "");
  EXPECT_FALSE(request.header("X-Other"));
  EXPECT_TRUE(parsed.requests[0].keep_alive);
}

TEST(RequestParser, AcceptsAbsoluteAndAsteriskTargets) {
  const std::pair<const char*, const char*> cases[] = {{"http://host:80/a/b?c", "/a/b"},
                                                       {"HTTPS://host", "/"},
                                                       {"http://host?q", "/"},
                                                       {"*", "*"},
                                                       {"/a#b", "/a#b"}};
  for (const auto& [target, path] : cases) {
    const Parsed parsed =
        parse("OPTIONS " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n", kWhole);
    ASSERT_EQ(parsed.requests.size(), 1u) << target;
    EXPECT_EQ(parsed.requests[0].request.path, path) << target;
  }
}

TEST(RequestParser, KeepAliveFollowsVersionAndConnection) {
  const std::pair<const char*, bool> cases[] = {
      {"HTTP/1.1\r\nHost: h\r\n\r\n", true},
      {"HTTP/1.1\r\nHost:\r\n\r\n", true},
      {"HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", true},
      {"HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
      {"HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE\r\n\r\n", false},
      {"HTTP/1.0\r\n\r\n", false},
      {"HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
  };
  for (const auto& [rest, keep_alive] : cases) {
    const Parsed parsed = parse("GET / " + std::string(rest), kWhole);
    ASSERT_EQ(parsed.requests.size(), 1u) << rest;
    EXPECT_EQ(parsed.requests[0].keep_alive, keep_alive) << rest;
  }
}

TEST(RequestParser, ReadsChunksWithExtensionsAndDropsTrailers) {
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5 ;x\r\nhello\r\n00a;name=value;q=\"a;b\"\r\n 123456789\r\n0\r\nX-Trailer: 1\r\nHost: "
      "evil\r\n\r\n";
  for (const size_t piece : {kWhole, size_t{1}, size_t{2}, size_t{3}, size_t{7}}) {
    const Parsed parsed = parse(bytes + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n", piece);
    ASSERT_EQ(parsed.requests.size(), 2u) << piece << parsed.refusal.sentence;
    EXPECT_EQ(parsed.requests[0].request.body, "hello 123456789") << piece;
    EXPECT_EQ(parsed.requests[0].request.headers.size(), 2u) << piece;
    EXPECT_EQ(parsed.requests[1].request.path, "/next") << piece;
  }
}

TEST(RequestParser, ReadsAnEmptyChunkedBodyByteByByte) {
  const Parsed parsed =
      parse("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1);
  ASSERT_EQ(parsed.requests.size(), 1u);
  EXPECT_EQ(parsed.requests[0].request.body, "");
}

TEST(RequestParser, SplitsPipelinedRequestsAtAnyCut) {
  const std::string bytes =
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "3\r\n\r\nabc\r\n"  // one blank line too many
      "PUT /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /4 "
      "HTTP/1.0\r\n\r\n";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    const Parsed parsed = parse(bytes, piece);
    ASSERT_EQ(parsed.requests.size(), 4u) << piece;
    EXPECT_EQ(parsed.requests[1].request.body, "abc");
    EXPECT_EQ(parsed.requests[2].request.body, "x");
    EXPECT_EQ(parsed.requests[3].request.path, "/4");
    EXPECT_EQ(parsed.rest, "");
  }
}

TEST(RequestParser, AsksToContinueOnlyWhenTheBodyIsAwaited) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n";
  EXPECT_TRUE(parse(head, kWhole).asked_to_continue);
  EXPECT_FALSE(parse(head + "a", kWhole).asked_to_continue);
  EXPECT_FALSE(parse("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", kWhole)
                   .asked_to_continue);
  EXPECT_FALSE(parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", kWhole)
                   .asked_to_continue);
}

struct BadRequest {
  const char* name;
  std::string bytes;
  int status;
};

void PrintTo(const BadRequest& bad, std::ostream* out) {
  *out << bad.name;
}

std::string post(std::string headers, std::string body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + std::move(headers) + "\r\n" + std::move(body);
}
std::string chunked(std::string body) {
  return post("Transfer-Encoding: chunked\r\n", std::move(body));
}

// Each is refused whether it comes whole or byte by byte, and a request behind it is never read.
class RefusedRequest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(RefusedRequest, IsRefusedAndNothingBehindItIsRead) {
  const BadRequest& bad = GetParam();
  for (const size_t piece : {kWhole, size_t{1}, size_t{5}}) {
    const Parsed parsed = parse(bad.bytes + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", piece);
    EXPECT_EQ(parsed.refusal.status, bad.status) << parsed.refusal.sentence;
    EXPECT_TRUE(parsed.requests.empty());
    EXPECT_LE(parsed.refusal.sentence.size(), 200u);
    EXPECT_TRUE(parsed.refusal.sentence.ends_with('.')) << parsed.refusal.sentence;
  }
}

// What can be known to be wrong is refused without waiting for more.
TEST_P(RefusedRequest, IsRefusedWithoutWaitingForMore) {
  if (std::string_view(GetParam().name).ends_with("_late")) return;
  EXPECT_EQ(parse(GetParam().bytes, kWhole).refusal.status, GetParam().status);
}

std::string many_headers(int count) {
  std::string headers;
  for (int i = 0; i < count; ++i) headers += "X: 1\r\n";
  return headers;
}

INSTANTIATE_TEST_SUITE_P(
    B02, RefusedRequest,
    ::testing::Values(
        BadRequest{"overflow", chunked("FFFFFFFFFFFFFFFFF\r\n"), 400},
        BadRequest{"largest", chunked("FFFFFFFFFFFFFFFF\r\n"), 413},
        BadRequest{"negative", chunked("-1\r\n"), 400},
        BadRequest{"hex_prefix", chunked("0x10\r\n"), 400},
        BadRequest{"blank", chunked(" 5\r\n"), 400}, BadRequest{"empty_size", chunked("\r\n"), 400},
        BadRequest{"bare_line_feed", chunked("5\nhello"), 400},
        BadRequest{"line_end_in_quotes", chunked("5;a=\"\r\nb\"\r\nhello"), 400},
        BadRequest{"blank_after_size", chunked("5 \r\n"), 400},
        BadRequest{"folded_trailer", chunked("0\r\nX: 1\r\n y\r\n\r\n"), 400},
        BadRequest{"control_in_extension", chunked("5;a\x01\r\n"), 400},
        BadRequest{"no_crlf_after_data", chunked("5\r\nhello0\r\n\r\n"), 400},
        BadRequest{"too_much_data", chunked("5\r\nhello!\r\n0\r\n\r\n"), 400},
        BadRequest{"long_extension", chunked("5;" + std::string(64 * 1024, 'x') + "\r\n"), 400},
        BadRequest{"endless_extension", chunked("5;" + std::string(64 * 1024, 'x')), 400},
        BadRequest{"endless_trailer", chunked("0\r\nX: " + std::string(64 * 1024, 'x')), 400},
        BadRequest{"no_last_crlf_late", chunked("5\r\nhello\r\n0\r\n"), 400}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    B03, RefusedRequest,
    ::testing::Values(
        BadRequest{"length_then_encoding",
                   post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        BadRequest{"encoding_then_length",
                   post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"), 400},
        BadRequest{"two_lengths", post("Content-Length: 4\r\nContent-Length: 5\r\n", "abcd"), 400},
        BadRequest{"two_equal_lengths", post("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd"),
                   400},
        BadRequest{"plus", post("Content-Length: +5\r\n", "hello"), 400},
        BadRequest{"list", post("Content-Length: 5, 5\r\n", "hello"), 400},
        BadRequest{"hex", post("Content-Length: 0x5\r\n", "hello"), 400},
        BadRequest{"empty_length", post("Content-Length:\r\n"), 400},
        BadRequest{"huge_length", post("Content-Length: 99999999999999999999\r\n"), 400},
        BadRequest{"identity_chunked_x",
                   post("Transfer-Encoding: identity, chunked, x\r\n", "0\r\n\r\n"), 400},
        BadRequest{"identity_chunked",
                   post("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"), 400},
        BadRequest{"chunked_twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
                   400},
        BadRequest{
            "two_encodings",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        BadRequest{"other_then_chunked",
                   post("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                   400},
        BadRequest{"identity", post("Transfer-Encoding: identity\r\n"), 400},
        BadRequest{"gzip_chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
        BadRequest{"blank_before_colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
        BadRequest{"http_1_0_chunked",
                   "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"bare_line_feed", "POST / HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n", 400},
        BadRequest{"bare_line_feeds_only", "GET / HTTP/1.1\nHost: h\n\n", 400},
        BadRequest{"bare_carriage_return", post("X: a\rb\r\n"), 400},
        BadRequest{"nul", post(std::string("X: a\0b\r\n", 8)), 400},
        BadRequest{"control", post("X: a\x01\r\n"), 400},
        BadRequest{"folded", post("X: a\r\n b\r\n"), 400},
        BadRequest{"folded_first", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
        BadRequest{"empty_name", post(": x\r\n"), 400},
        BadRequest{"no_colon", post("Host\r\n"), 400},
        BadRequest{"two_hosts", post("Host: other\r\n"), 400},
        BadRequest{"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
        BadRequest{"no_host_with_body", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 400},
        BadRequest{"host_with_path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        BadRequest{"host_with_user", "GET / HTTP/1.1\r\nHost: me@h\r\n\r\n", 400},
        BadRequest{"two_words_as_host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    B04, RefusedRequest,
    ::testing::Values(
        BadRequest{"ten_thousand_headers", post(many_headers(10'000)), 431},
        BadRequest{"one_header_too_many", post(many_headers(100)), 431},
        BadRequest{"header_of_1_mb", post("X: " + std::string(1 << 20, 'x') + "\r\n"), 431},
        BadRequest{"target_of_64_kib",
                   "GET /" + std::string(64 * 1024, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    B05, RefusedRequest,
    ::testing::Values(BadRequest{"length_of_10_gib", post("Content-Length: 10737418240\r\n"), 413},
                      BadRequest{"length_one_too_many", post("Content-Length: 67108865\r\n"), 413},
                      BadRequest{"chunk_too_large", chunked("4000001\r\n"), 413}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    B11, RefusedRequest,
    ::testing::Values(BadRequest{"connect", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 405},
                      BadRequest{"http_0_9", "GET / HTTP/0.9\r\n\r\n", 505},
                      BadRequest{"http_0_9_simple", "GET /\r\n", 400},
                      BadRequest{"http_1_2", "GET / HTTP/1.2\r\n\r\n", 505},
                      BadRequest{"http_9_9", "GET / HTTP/9.9\r\n\r\n", 505},
                      BadRequest{"http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
                      BadRequest{"tls_hello", std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
                      BadRequest{"noise", std::string(1 << 20, '\x8f'), 400},
                      BadRequest{"letters", std::string(1 << 20, 'a'), 400},
                      BadRequest{"no_version", "GET / \r\n", 400},
                      BadRequest{"two_blanks", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
                      BadRequest{"relative_target", "GET v2 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
                      BadRequest{"blank_lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
                      BadRequest{"expectation", post("Expect: something\r\n"), 417}),
    [](const auto& info) { return info.param.name; });

TEST(RequestParser, TakesWhatIsJustWithinTheLimits) {
  EXPECT_EQ(parse(post(many_headers(99)), kWhole).requests.size(), 1u);
  EXPECT_EQ(parse("GET /" + std::string(8191, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", kWhole)
                .requests.size(),
            1u);
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n";
  const std::string padded =
      "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(64 * 1024 - head.size(), 'x') + "\r\n\r\n";
  EXPECT_EQ(parse(padded, kWhole).requests.size(), 1u);
  RequestLimits limits;
  limits.max_body_bytes = 10;
  EXPECT_EQ(parse(post("Content-Length: 10\r\n", "0123456789"), kWhole, limits).requests.size(),
            1u);
  EXPECT_EQ(parse(chunked("5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n"), 1, limits).requests.size(), 1u);
  EXPECT_EQ(parse(chunked("5\r\nhello\r\n6\r\nhello!\r\n0\r\n\r\n"), 1, limits).refusal.status,
            413);
}

TEST(RequestParser, ALimitIsPassedBeforeWhatIsWrongBehindItHoweverTheBytesCome) {
  RequestLimits limits;
  limits.head.max_header_bytes = 100;
  const std::string bytes = "GET / HTTP/1.1\r\nX: " + std::string(100, 'x') + "\n\r\n";
  for (const size_t piece : {size_t{1}, size_t{7}, kWhole})
    EXPECT_EQ(parse(bytes, piece, limits).refusal.status, 431) << piece;
}

TEST(RequestParser, SaysHowToRaiseTheBodyLimit) {
  RequestLimits limits;
  limits.max_body_bytes = 10;
  limits.body_limit_hint = "Use --x.";
  EXPECT_EQ(parse(post("Content-Length: 11\r\n"), kWhole, limits).refusal.sentence,
            "The request body exceeds the limit of 10 bytes. Use --x.");
}

TEST(RequestParser, B01RefusesTooManyChunks) {
  std::string chunks;
  for (int i = 0; i < 65536; ++i) chunks += "1\r\nx\r\n";
  const Parsed most = parse(chunked(chunks + "0\r\n\r\n"), 64 * 1024);
  ASSERT_EQ(most.requests.size(), 1u);
  EXPECT_EQ(most.requests[0].request.body.size(), 65536u);
  const Parsed refused = parse(chunked(chunks + "1\r\nx\r\n"), 64 * 1024);
  EXPECT_EQ(refused.refusal.status, 400);
  EXPECT_EQ(refused.refusal.sentence,
            "Chunked request body exceeds maximum of 65536 non-empty chunks. Send fewer or larger "
            "HTTP chunks.");
}

TEST(RequestParser, B05AllocatesNothingFromADeclaredLength) {
  RequestParser parser({});
  size_t consumed = 0;
  EXPECT_EQ(parser.feed(post("Content-Length: 67108864\r\n", "ab"), consumed), Progress::NeedMore);
  EXPECT_TRUE(parser.in_body());
  EXPECT_LT(parser.take().request.body.memory_bytes(), 100u);
}

TEST(RequestParser, AlignsTheBodyWhereAHeaderSaysThatItsBinaryPartBegins) {
  const std::string body(5000, 'x');
  for (const size_t offset : {1, 7, 64, 1001, 4999}) {
    for (const size_t piece : {size_t{1}, size_t{600}, kWhole}) {
      RequestParser parser({}, "Binary-Offset");
      std::string bytes = "POST / HTTP/1.1\r\nHost: h\r\nbinary-offset: " + std::to_string(offset) +
                          "\r\nContent-Length: 5000\r\n\r\n" + body;
      std::string_view rest = bytes;
      Progress progress = Progress::NeedMore;
      for (size_t given = 0; progress == Progress::NeedMore && given != rest.size();) {
        given = piece < rest.size() - given ? given + piece : rest.size();
        size_t consumed = 0;
        progress = parser.feed(rest.substr(0, given), consumed);
        rest.remove_prefix(consumed);
        given -= consumed;
      }
      ASSERT_EQ(progress, Progress::Complete) << offset << " " << piece;
      const ParsedRequest parsed = parser.take();
      EXPECT_EQ(parsed.request.body.view(), body);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(parsed.request.body.view().data() + offset) %
                    Body::kAlignment,
                0u)
          << offset << " " << piece;
    }
  }
}

TEST(RequestParser, TakesAnyBinaryOffset) {
  for (const std::string offset :
       {"0", "-1", "x", "", "5000000", "18446744073709551615", "18446744073709551616"}) {
    for (const std::string framing :
         {"Content-Length: 5\r\n\r\nhello",
          "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
      RequestParser parser({}, "Binary-Offset");
      size_t consumed = 0;
      ASSERT_EQ(
          parser.feed("POST / HTTP/1.1\r\nHost: h\r\nBinary-Offset: " + offset + "\r\n" + framing,
                      consumed),
          Progress::Complete)
          << offset;
      EXPECT_EQ(parser.take().request.body, "hello") << offset;
    }
  }
}

}  // namespace
}  // namespace neso::net
