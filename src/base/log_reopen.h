// SPDX-License-Identifier: Apache-2.0
// For logrotate and its like, which move the log's file away and then tell.
#pragma once

namespace neso {

// The next line is written to a file of the settings' name that is opened anew, where there is a
// file; one that cannot be opened leaves the old one in use. Async-signal-safe.
void reopen_log_file() noexcept;

}  // namespace neso
