# SPDX-License-Identifier: Apache-2.0
# The compiler's options of each instruction set's kernels.

# The kernels are leaves and slow without optimisation, so every build type optimises them. No contraction: where a
# multiplication and an addition fuse is written in the source, because the bits must not depend on the compiler's mood.
set(kernel_flags -O3 -ffp-contract=off -fno-math-errno)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Its AVX-512 header reads a variable that it leaves undefined on purpose (GCC bug 105593).
  list(APPEND kernel_flags -Wno-maybe-uninitialized)
endif()
set_source_files_properties(kernels_generic.cc PROPERTIES COMPILE_OPTIONS "${kernel_flags}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(kernels_avx2.cc PROPERTIES COMPILE_OPTIONS "${kernel_flags};-mavx2;-mfma")
  set(avx512_flags ${kernel_flags} -mavx2 -mfma -mavx512f -mavx512dq -mavx512vl -mavx512bw -mprefer-vector-width=512)
  set_source_files_properties(kernels_avx512.cc PROPERTIES COMPILE_OPTIONS "${avx512_flags}")
  set_source_files_properties(kernels_avx512_vnni.cc PROPERTIES COMPILE_OPTIONS "${avx512_flags};-mavx512vnni")
  set_source_files_properties(kernels_avx512_bf16.cc PROPERTIES COMPILE_OPTIONS
    "${avx512_flags};-mavx512vnni;-mavx512bf16")
  set_source_files_properties(kernels_avx512_amx.cc PROPERTIES COMPILE_OPTIONS
    "${avx512_flags};-mavx512vnni;-mavx512bf16;-mamx-tile;-mamx-int8;-mamx-bf16")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # On by default for Arm alone: it hoists loads until accumulators no longer fit into the registers.
    list(APPEND kernel_flags -fno-schedule-insns)
  endif()
  set_source_files_properties(kernels_neon.cc PROPERTIES COMPILE_OPTIONS "${kernel_flags}")
  set_source_files_properties(kernels_neon_dotprod.cc PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};-march=armv8.2-a+dotprod")
  set_source_files_properties(kernels_neon_i8mm.cc PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};-march=armv8.2-a+dotprod+i8mm")
  set_source_files_properties(kernels_neon_bf16.cc PROPERTIES COMPILE_OPTIONS
    "${kernel_flags};-march=armv8.2-a+dotprod+i8mm+bf16")
endif()
