// SPDX-License-Identifier: Apache-2.0
// The answers of one connection: requests are answered in any order, bytes leave in the order of
// the requests. Bodies are never copied: the bytes to write are handed out as views. Pure; one
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace neso::net {

// "OK" for 200; "Unknown" for a status nobody registered.
std::string_view reason_phrase(int status);

// What a request asks of the framing of its answer.
struct AnswerFraming {
  bool head_request = false;  // no body, but its length
  bool keep_alive = true;
  bool http_1_0 = false;
};

// Status line and headers. Line breaks inside a header's name or value become blanks.
std::string response_head(const HttpResponse& response, const AnswerFraming& framing);

class ResponseQueue {
 public:
  // Every answer of ours starts with these bytes, whatever it says.
  static constexpr std::string_view kFirstBytes = "HTTP/1.1 ";

  // Appends a place for the answer to a request with a body of that size; returns its number.
  uint64_t expect(const AnswerFraming& framing, size_t request_bytes);
  // Appends "100 Continue", which is sent once all answers before it are.
  void append_continue();
  // Whether the place of that number is there and not filled.
  bool awaits(uint64_t number) const;
  // Fills a place; a number that is unknown or was filled before is ignored.
  void answer(uint64_t number, HttpResponse response);

  // The bytes that can be written now, in order, at most kMaxViews views. With `close_after_last`
  // the answer to the last request says "Connection: close". The views live until the next call of
  // a member that is not const.
  void gather(bool close_after_last, std::vector<std::string_view>& views);
  // The start of an answer that is still awaited, to see whether the peer is there to take it;
  // empty when another answer's bytes are to be written first, or these were.
  std::string_view early_bytes() const;
  // `bytes` of the gathered or early ones were written. Returns how many requests are fully
  // answered by that.
  size_t written(size_t bytes);

  bool empty() const { return places_.empty(); }
  // Requests without a fully written answer.
  size_t requests() const { return requests_; }
  // The sizes of their bodies, together.
  size_t request_bytes() const { return request_bytes_; }
  // The sizes of the answers' bodies that are not fully written, together.
  size_t answer_bytes() const { return answer_bytes_; }
  // An answer that closes the connection was gathered: no request behind it is served.
  bool closing() const { return closing_; }

 private:
  struct Place {
    AnswerFraming framing;
    HttpResponse response;
    size_t request_bytes = 0;
    size_t body_bytes = 0;
    std::string head;  // rendered when its turn comes
    bool is_request = true;
    bool answered = false;
  };

  std::deque<Place> places_;
  uint64_t first_number_ = 0;  // of places_.front()
  size_t front_written_ = 0;   // bytes of places_.front()
  size_t requests_ = 0;
  size_t request_bytes_ = 0;
  size_t answer_bytes_ = 0;
  bool closing_ = false;
};

}  // namespace neso::net
