// SPDX-License-Identifier: Apache-2.0
#include "net/content_coding.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>

#include "base/check.h"
#include "base/error.h"

namespace neso::net {
namespace {

constexpr int kWindowBits = 15;       // the largest window
constexpr int kGzip = 16;             // zlib: write gzip's frame
constexpr int kEitherFrame = 32;      // zlib: read whichever frame is there
constexpr size_t kFirstChunk = 4096;  // of output; grows with what comes

struct InflateEnd {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};
struct DeflateEnd {
  void operator()(z_stream* stream) const { deflateEnd(stream); }
};

void set_input(z_stream& stream, std::string_view text) {
  // zlib does not write to it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
}

Error broken(std::string_view what) {
  return invalid_argument(
      "the body is no gzip or zlib stream as its Content-Encoding says: {}; compress it, or leave "
      "the header out",
      what);
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

struct Wish {
  Coding coding;
  double weight;
};

// "gzip" or "gzip;q=0.5"; nullopt for what Triton passes over.
std::optional<Wish> read_wish(std::string_view entry) {
  const size_t semicolon = entry.find(';');
  const std::string_view word = entry.substr(0, semicolon);
  Wish wish{Coding::Identity, 1};
  if (semicolon != std::string_view::npos) {
    std::string_view weight = trimmed(entry.substr(semicolon + 1));
    if (!weight.starts_with("q=")) return std::nullopt;
    weight.remove_prefix(2);
    const auto [end, status] =
        std::from_chars(weight.data(), weight.data() + weight.size(), wish.weight);
    if (status != std::errc() || end != weight.data() + weight.size()) return std::nullopt;
  }
  if (!(wish.weight > 0)) return std::nullopt;
  const auto coding = coding_from(word);
  if (!coding) return std::nullopt;
  wish.coding = *coding;
  return wish;
}

}  // namespace

std::string_view to_string(Coding coding) {
  switch (coding) {
    case Coding::Identity:
      return "identity";
    case Coding::Deflate:
      return "deflate";
    case Coding::Gzip:
      return "gzip";
  }
  return "identity";
}

Result<Coding> coding_from(std::string_view content_encoding) {
  for (const Coding coding : {Coding::Identity, Coding::Deflate, Coding::Gzip}) {
    if (content_encoding == to_string(coding)) return coding;
  }
  return unsupported("Unsupported compression type");
}

Coding choose_coding(std::string_view accept_encoding) {
  Wish best{Coding::Identity, 0};
  while (!accept_encoding.empty()) {
    const size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const auto wish = read_wish(trimmed(accept_encoding.substr(0, comma)));
    if (wish && wish->weight > best.weight) best = *wish;
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
  }
  return best.coding;
}

Result<std::string> decompress(std::string_view body, size_t max_bytes) {
  if (body.empty()) return invalid_argument("nothing to be decompressed");
  if (body.size() > std::numeric_limits<uInt>::max())
    return too_large("a compressed body of {} bytes is more than this server reads", body.size());
  z_stream stream{};
  if (inflateInit2(&stream, kWindowBits + kEitherFrame) != Z_OK) return out_of_memory();
  const std::unique_ptr<z_stream, InflateEnd> ending(&stream);
  set_input(stream, body);
  std::string plain;
  size_t written = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (written == plain.size()) {
      if (written > max_bytes) {
        return too_large("the body is larger than {} bytes when it is decompressed", max_bytes);
      }
      plain.resize(std::min(std::max(kFirstChunk, 2 * written), max_bytes + 1));
    }
    stream.next_out = reinterpret_cast<Bytef*>(plain.data() + written);
    const size_t room = std::min<size_t>(plain.size() - written, std::numeric_limits<uInt>::max());
    stream.avail_out = static_cast<uInt>(room);
    status = inflate(&stream, Z_NO_FLUSH);
    written += room - stream.avail_out;
    if (status == Z_MEM_ERROR) return out_of_memory();
    if (status == Z_BUF_ERROR) return broken("it is cut");
    if (status != Z_OK && status != Z_STREAM_END)
      return broken(stream.msg != nullptr ? stream.msg : "it needs a dictionary");
  }
  if (written > max_bytes)
    return too_large("the body is larger than {} bytes when it is decompressed", max_bytes);
  if (stream.avail_in > 0)
    return broken(fmt::format("{} bytes stand behind its end", stream.avail_in));
  plain.resize(written);
  return plain;
}

std::optional<std::string> compress(std::string_view body, Coding coding) {
  if (body.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
  z_stream stream{};
  const int frame = coding == Coding::Gzip ? kGzip : 0;
  constexpr int kMemoryLevel = 8;  // zlib's default
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits + frame, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  const std::unique_ptr<z_stream, DeflateEnd> ending(&stream);
  std::string packed(deflateBound(&stream, static_cast<uLong>(body.size())), '\0');
  set_input(stream, body);
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  NESO_CHECK(status == Z_STREAM_END);  // the bound is one
  packed.resize(packed.size() - stream.avail_out);
  return packed;
}

}  // namespace neso::net
