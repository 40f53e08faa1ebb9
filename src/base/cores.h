// SPDX-License-Identifier: Apache-2.0
// How many cores this process may use. One thread more than a container's quota and the kernel
// stops the whole process for the rest of each period.
#pragma once

#include <cstddef>

#include "base/cgroup.h"

namespace neso {

// The smallest CPU quota of this process's control groups, v2 (cpu.max) or v1 (cpu.cfs_quota_us),
// rounded up to whole cores; 0 without one.
size_t cgroup_cores(const CgroupPaths& paths = {});

// The machine's, online now.
size_t machine_cores();

// The CPUs that sched_getaffinity names, but no more than cgroup_cores(). At least 1.
size_t usable_cores();

}  // namespace neso
