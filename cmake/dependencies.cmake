# SPDX-License-Identifier: Apache-2.0
# Third-party libraries. Ours link these targets; each has one home folder (tools/check_layers.py).

if(NESO_ENGINE_ONLY)
  include(engine_dependencies)
  return()
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC 1.51 CONFIG REQUIRED)
find_package(RapidJSON REQUIRED)
find_package(ZLIB 1.2 REQUIRED)
find_package(absl REQUIRED) # base64
if(NESO_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark QUIET) # for x_bench alone; tools/setup bench installs it
endif()

# oneDNN. Debian's own CMake file asks for OpenCL, which a CPU build has no use for.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
add_library(DNNL::dnnl UNKNOWN IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY}
                                            INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})

# The program's allocator. A sanitizer brings its own.
add_library(neso_allocator INTERFACE)
if(NOT NESO_SANITIZE)
  find_library(TCMALLOC_LIBRARY NAMES libtcmalloc_minimal.a REQUIRED)
  find_path(TCMALLOC_INCLUDE_DIR gperftools/malloc_extension.h REQUIRED)
  target_compile_definitions(neso_allocator INTERFACE NESO_TCMALLOC)
  target_include_directories(neso_allocator SYSTEM INTERFACE ${TCMALLOC_INCLUDE_DIR})
  target_link_libraries(neso_allocator INTERFACE ${TCMALLOC_LIBRARY} Threads::Threads)
endif()

# ONNX Runtime: only its headers are needed to build; the library is opened at run time (engine/onnx).
set(NESO_DEPS ${CMAKE_SOURCE_DIR}/.deps)
if(NOT EXISTS ${NESO_DEPS}/onnxruntime/include/onnxruntime_c_api.h)
  message(FATAL_ERROR "ONNX Runtime's headers are missing; run ./dev setup once, it fetches them.")
endif()
add_library(onnxruntime_headers INTERFACE)
target_include_directories(onnxruntime_headers SYSTEM INTERFACE ${NESO_DEPS}/onnxruntime/include)

# The Hugging Face tokenizers crate behind a C ABI (rust/), as a static library.
find_program(NESO_CARGO cargo REQUIRED)
set(NESO_TOKENIZERS_LIB ${CMAKE_SOURCE_DIR}/rust/target/release/libneso_tokenizers.a)
file(GLOB rust_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/rust/src/*.rs ${CMAKE_SOURCE_DIR}/rust/Cargo.*)
add_custom_command(
  OUTPUT ${NESO_TOKENIZERS_LIB}
  COMMAND ${NESO_CARGO} build --release --locked --offline --quiet
  # cargo leaves the archive alone when only comments changed; it must not stay older than its sources.
  COMMAND ${CMAKE_COMMAND} -E touch ${NESO_TOKENIZERS_LIB}
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/rust
  DEPENDS ${rust_sources}
  COMMENT "Building the tokenizers crate"
  VERBATIM)
add_custom_target(tokenizers_crate_build DEPENDS ${NESO_TOKENIZERS_LIB})
add_library(tokenizers_crate INTERFACE)
add_dependencies(tokenizers_crate tokenizers_crate_build)
target_include_directories(tokenizers_crate INTERFACE ${CMAKE_SOURCE_DIR}/rust/include)
target_link_libraries(tokenizers_crate INTERFACE ${NESO_TOKENIZERS_LIB} Threads::Threads dl m)
