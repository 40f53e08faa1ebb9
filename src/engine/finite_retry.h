// SPDX-License-Identifier: Apache-2.0
// Reduced precisions can overflow where fp32 does not. What comes out not finite is computed again.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "engine/engine.h"

namespace neso {

// An engine that encodes with `reduced`, and once more with an exact engine of the same model those
// texts alone whose result is not finite. `make_exact` is called when the first such text comes; an
// error of its own leaves the result as it is, with a warning in the log. Texts that are not finite
// there either stay so.
std::unique_ptr<Engine> retry_when_not_finite(
    std::unique_ptr<Engine> reduced, std::function<Result<std::unique_ptr<Engine>>()> make_exact);

}  // namespace neso
