// SPDX-License-Identifier: Apache-2.0
#include "gpu/driver_library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace neso {

Result<DriverLibrary> DriverLibrary::open(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle != nullptr) return DriverLibrary(handle, library);
  const char* reason = dlerror();
  return not_found("{}", reason != nullptr ? reason : library + " cannot be opened");
}

Result<void*> DriverLibrary::find_symbol(const char* symbol) const {
  if (void* address = dlsym(handle_, symbol)) return address;
  return unsupported("{} has no function {}", name_, symbol);
}

}  // namespace neso
