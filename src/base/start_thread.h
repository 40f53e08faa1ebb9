// SPDX-License-Identifier: Apache-2.0
// A thread with a name, or a sentence where the system has none left.
#pragma once

#include <pthread.h>

#include <functional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/result.h"

namespace neso {

// `name` is what `top -H` shows, 15 characters at most; `purpose` ends the sentence of an
// Overloaded. `body` must not throw.
inline Result<std::thread> start_thread(const char* name, std::string_view purpose,
                                        std::function<void()> body) {
  try {
    std::thread thread(std::move(body));
    pthread_setname_np(thread.native_handle(), name);
    return thread;
  } catch (const std::system_error& e) {
    return overloaded("the system gives no thread for {}: {}", purpose, e.what());
  }
}

}  // namespace neso
