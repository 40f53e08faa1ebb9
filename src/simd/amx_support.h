// SPDX-License-Identifier: Apache-2.0
// Whether this process may use AMX. Its registers are the operating system's to grant.
#pragma once

#include "base/result.h"

namespace neso {

// Asks the CPU, then the system, for the whole process: threads that run already included. Once;
// the error says what is missing.
const Result<>& amx_support();

}  // namespace neso
