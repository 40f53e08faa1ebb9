// SPDX-License-Identifier: Apache-2.0
// Private to this folder: a library of NVIDIA's driver, opened at run time. It stays open until the
// process ends, as the driver's own threads do.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace neso {

class DriverLibrary {
 public:
  // A path, or a name for the loader. NotFound with the loader's reason.
  static Result<DriverLibrary> open(const std::string& library);

  // Sets `function` to the library's of that name, whose type is the caller's word. Unsupported
  // when there is none.
  template <typename Function>
  Result<> find(Function*& function, const char* symbol) const {
    NESO_TRY(void* const address, find_symbol(symbol));
    function = reinterpret_cast<Function*>(address);
    return {};
  }

 private:
  DriverLibrary(void* handle, std::string name) : handle_(handle), name_(std::move(name)) {}
  Result<void*> find_symbol(const char* symbol) const;

  void* handle_;
  std::string name_;
};

}  // namespace neso
