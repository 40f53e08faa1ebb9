// SPDX-License-Identifier: Apache-2.0
#include "net/response_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace neso::net {

namespace {

constexpr size_t kMaxViews = 32;  // of one gathered write
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

struct Reason {
  int status;
  std::string_view phrase;
};
constexpr std::array kReasons = {
    Reason{100, "Continue"},
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{206, "Partial Content"},
    Reason{301, "Moved Permanently"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{411, "Length Required"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{417, "Expectation Failed"},
    Reason{422, "Unprocessable Content"},
    Reason{424, "Failed Dependency"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{499, "Client Closed Request"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
    Reason{507, "Insufficient Storage"},
};

// RFC 9110 6.4.1: these never have a body, whatever the handler set.
bool is_bodiless(int status) {
  return status == 204 || status == 304;
}

void append_clean(std::string& out, std::string_view text) {
  const size_t begin = out.size();
  out += text;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out += ": ";
  append_clean(out, value);
  out += "\r\n";
}

}  // namespace

std::string_view reason_phrase(int status) {
  const auto* found = std::find_if(kReasons.begin(), kReasons.end(),
                                   [status](const Reason& r) { return r.status == status; });
  return found == kReasons.end() ? "Unknown" : found->phrase;
}

std::string response_head(const HttpResponse& response, const AnswerFraming& framing) {
  std::string head;
  head.reserve(160);
  fmt::format_to(std::back_inserter(head), "{}{} {}\r\n", ResponseQueue::kFirstBytes,
                 response.status, reason_phrase(response.status));
  if (!response.content_type.empty()) append_header(head, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) append_header(head, name, value);
  if (!is_bodiless(response.status)) {
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", response.body_size());
  }
  if (!framing.keep_alive) {
    head += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

uint64_t ResponseQueue::expect(const AnswerFraming& framing, size_t request_bytes) {
  Place& place = places_.emplace_back();
  place.framing = framing;
  place.request_bytes = request_bytes;
  ++requests_;
  request_bytes_ += request_bytes;
  return first_number_ + places_.size() - 1;
}

void ResponseQueue::append_continue() {
  Place& place = places_.emplace_back();
  place.is_request = false;
  place.answered = true;
  place.head = kContinue;
}

bool ResponseQueue::awaits(uint64_t number) const {
  return number >= first_number_ && number - first_number_ < places_.size() &&
         !places_[number - first_number_].answered;
}

void ResponseQueue::answer(uint64_t number, HttpResponse response) {
  if (!awaits(number)) return;
  Place& place = places_[number - first_number_];
  place.answered = true;
  place.response = std::move(response);
  place.body_bytes = place.response.body_size();
  answer_bytes_ += place.body_bytes;
}

void ResponseQueue::gather(bool close_after_last, std::vector<std::string_view>& views) {
  views.clear();
  size_t skip = front_written_;
  const auto add = [&](std::string_view bytes) {
    if (views.size() == kMaxViews) return;
    const size_t skipped = std::min(skip, bytes.size());
    skip -= skipped;
    if (bytes.size() > skipped) views.push_back(bytes.substr(skipped));
  };
  for (size_t i = 0; i < places_.size() && views.size() < kMaxViews; ++i) {
    Place& place = places_[i];
    if (!place.answered) return;
    if (place.head.empty()) {
      if (close_after_last && i + 1 == places_.size()) place.framing.keep_alive = false;
      place.head = response_head(place.response, place.framing);
      if (place.framing.head_request || is_bodiless(place.response.status)) {
        place.response.drop_body();
        answer_bytes_ -= std::exchange(place.body_bytes, 0);
      }
      closing_ = closing_ || !place.framing.keep_alive;
    }
    add(place.head);
    add(place.response.body);
    for (const HeldBytes& piece : place.response.tail) add(piece.bytes);
  }
}

std::string_view ResponseQueue::early_bytes() const {
  if (places_.empty() || places_.front().answered) return {};
  return kFirstBytes.substr(std::min(front_written_, kFirstBytes.size()));
}

size_t ResponseQueue::written(size_t bytes) {
  front_written_ += bytes;
  size_t answered = 0;
  while (!places_.empty() && !places_.front().head.empty()) {
    const Place& place = places_.front();
    const size_t size = place.head.size() + place.body_bytes;
    if (front_written_ < size) break;
    front_written_ -= size;
    if (place.is_request) ++answered;
    request_bytes_ -= place.request_bytes;
    answer_bytes_ -= place.body_bytes;
    places_.pop_front();
    ++first_number_;
  }
  requests_ -= answered;
  return answered;
}

}  // namespace neso::net
