// SPDX-License-Identifier: Apache-2.0
// Many texts into sequences, on several threads.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "model/text_input.h"
#include "request/request_life.h"

namespace neso {

// What TextInput::prepare makes of each text, in their order, errors too; or what ends the request.
// The calling thread works through them, and `life.helpers` where they have time: piece by piece,
// so that others' work is not kept waiting there. The texts are not used any more when it returns.
Result<std::vector<Result<PreparedText>>> prepare_texts(const TextInput& source,
                                                        std::string_view prompt,
                                                        std::span<const std::string_view> texts,
                                                        bool truncate, const RequestLife& life);

}  // namespace neso
