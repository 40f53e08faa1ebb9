// SPDX-License-Identifier: Apache-2.0
// Work that several threads share.
#pragma once

#include <cstddef>
#include <functional>

#include "base/thread_pool.h"

namespace neso {

// Calls piece(0) ... piece(count - 1), each once: on the calling thread, and on those of `helpers`
// that have time; null: on the calling thread alone. Returns when no piece runs any more. What one
// throws the caller throws then, and pieces that were not begun are left out. Between two pieces a
// helper does what else waits for its thread, so a piece should take about a millisecond.
void run_pieces(ThreadPool* helpers, size_t count, const std::function<void(size_t)>& piece);

}  // namespace neso
