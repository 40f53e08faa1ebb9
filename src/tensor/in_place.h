// SPDX-License-Identifier: Apache-2.0
// Where a tensor's bytes are shared, and where they are copied.
#pragma once

#include <cstddef>

namespace neso {

// Bytes of at least this size stay where they are: in the body that brought them, and on their way
// to a socket. To copy fewer costs no more than to share their memory.
constexpr size_t kLeftInPlace = size_t{16} << 10;

}  // namespace neso
