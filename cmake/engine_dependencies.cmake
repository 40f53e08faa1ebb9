# SPDX-License-Identifier: Apache-2.0
# What the CPU engine and its tests need (NESO_ENGINE_ONLY): headers and sources that are the same for every machine, so
# that a cross build needs nothing of its target but the compiler. Debian's cross compilers look into /usr/include, where
# fmt and RapidJSON are.
find_package(Threads REQUIRED)
add_library(fmt::fmt INTERFACE IMPORTED)
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
if(NESO_TESTS)
  set(INSTALL_GTEST OFF)
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
endif()
