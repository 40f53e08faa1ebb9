// SPDX-License-Identifier: Apache-2.0
// Keeps web pages away from a server that only this machine may use: a page can make a browser send
// requests to a loopback address (DNS rebinding), but it cannot keep the browser from telling in
// Host or Origin where it comes from.
#pragma once

#include <string_view>

#include "net/http_message.h"

namespace neso::net {

// "127.x.y.z", "[::1]" or "localhost", each with or without a port.
bool is_loopback_authority(std::string_view authority);

// When the address that the server is bound to is a loopback one, requests whose Host, or whose
// Origin if they have one, is another get a 403 with `refusal` as their body. Otherwise the handler
// as it is.
HttpHandler guard_loopback(std::string_view bound_address, HttpResponse refusal,
                           HttpHandler handler);

}  // namespace neso::net
