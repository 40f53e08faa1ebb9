// SPDX-License-Identifier: Apache-2.0
// Answers that the server gives itself, without its handler.
#pragma once

#include "net/grammar.h"
#include "net/http_message.h"
#include "net/http_server.h"

namespace neso::net {

// A refusal in the body that the options ask for. Without memory for that: an empty 503.
HttpResponse own_answer(const HttpServerOptions& options, const Refusal& refusal) noexcept;

// To a request that its handler could not answer.
HttpResponse own_answer(const HttpServerOptions& options, const Error& error) noexcept;
// To a request for which an allocation failed.
HttpResponse out_of_memory_answer(const HttpServerOptions& options) noexcept;

}  // namespace neso::net
