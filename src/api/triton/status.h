// SPDX-License-Identifier: Apache-2.0
// Our error codes as Triton's HTTP statuses and bodies (server src/http_server.cc,
// HttpCodeFromError).
#pragma once

#include <string>
#include <string_view>

#include "api/request_errors.h"
#include "base/result.h"
#include "net/http_message.h"

namespace neso::triton {

int http_status(ErrorCode code);

// Does this tell of a request that had been queued? Triton answers those in another form.
bool failed_after_queueing(const Error& error);

// What neso_request_errors_total calls an answer of that status.
RequestErrorReason error_reason(int http_status);

// {"error":"<sentence>"}, at most 1 KiB: the sentence is made valid UTF-8 without control
// characters, and cut where a client's own words make it longer.
std::string error_body(std::string_view sentence);

net::HttpResponse error_response(const Error& error,
                                 std::string_view content_type = "application/json");
net::HttpResponse error_response(int status, std::string_view sentence,
                                 std::string_view content_type);

}  // namespace neso::triton
