// SPDX-License-Identifier: Apache-2.0
// HTTP's content codings gzip and deflate (a zlib stream, RFC 9110 8.4.1), by zlib. Accept-Encoding
// is read as Triton does (server src/http_server.cc, GetResponseCompressionType): no "*", no blanks
// inside an entry.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace neso::net {

enum class Coding { Identity, Deflate, Gzip };

std::string_view to_string(Coding coding);

// The Content-Encoding of a request. Unsupported for anything but one of the three lower-case
// words.
Result<Coding> coding_from(std::string_view content_encoding);

// The coding of highest weight, the first of equals; Identity when nothing else is asked for.
// Entries that cannot be read, unknown codings and weight 0 are passed over.
Coding choose_coding(std::string_view accept_encoding);

// Whichever of gzip and zlib stream it is. InvalidArgument when it is neither, or cut, or followed
// by something else; TooLarge beyond max_bytes, before more is written.
Result<std::string> decompress(std::string_view body, size_t max_bytes);

// Gzip or Deflate. nullopt: zlib has no memory for it, or the body is beyond its sizes; send it
// plain.
std::optional<std::string> compress(std::string_view body, Coding coding);

}  // namespace neso::net
