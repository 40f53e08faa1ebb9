// SPDX-License-Identifier: Apache-2.0
// What a request's headers and its connection say of who asks, and how long he waits.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "net/http_message.h"
#include "request/requests.h"

namespace neso::triton {

// To be called when the request has come: the time that headers give runs from then on. They are
// listed in docs/deadlines.md. Of several the earliest counts; 0 is no limit, and what cannot be
// read is ignored, since proxies write these headers and not the person who would see an error.
Caller caller_of(const net::HttpRequest& request, const Clock& clock = system_clock());

}  // namespace neso::triton
