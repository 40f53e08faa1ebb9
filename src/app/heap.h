// SPDX-License-Identifier: Apache-2.0
// What the allocator keeps of freed memory for later, and when the system gets it back. The program
// is linked with tcmalloc; where it is not (a build for a sanitizer), the C library's is meant.
#pragma once

namespace neso {

// From now on what requests of megabytes took goes back to the system when they end, and threads
// keep little of what is smaller. By itself an allocator keeps several times what is in use.
void limit_kept_memory();

// What is kept goes back to the system now, but for what tcmalloc's threads have at hand. Takes
// locks of the allocator and some milliseconds: for a process that rests.
void give_free_memory_back();

// For a process whose address space is limited: the C library reserves 64 MB of it for every thread
// that allocates, and what is left would not do for the stacks of the others; tcmalloc reserves
// nothing. To be called before there are threads.
void save_address_space();

}  // namespace neso
