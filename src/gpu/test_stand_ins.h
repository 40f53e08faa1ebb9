// SPDX-License-Identifier: Apache-2.0
// For tests: the libraries of tests/gpu in the driver's place.
#pragma once

#include <cstdlib>
#include <string>

#include "gpu/gpu_devices.h"

namespace neso {

inline GpuLibraries stand_ins_in(const std::string& folder) {
  return {.cuda = folder + "/libcuda.so.1", .nvml = folder + "/libnvidia-ml.so.1"};
}

// A variable that the stand-ins look at, for as long as it lives.
class StandInVariable {
 public:
  StandInVariable(const char* name, const char* value) : name_(name) { set(value); }
  ~StandInVariable() { unsetenv(name_); }
  StandInVariable(const StandInVariable&) = delete;
  StandInVariable& operator=(const StandInVariable&) = delete;
  void set(const char* value) { setenv(name_, value, 1); }

 private:
  const char* name_;
};

}  // namespace neso
