# SPDX-License-Identifier: Apache-2.0
# How a folder of ours becomes a library and its tests: warnings, sanitizers and naming in one place.

add_library(neso_flags INTERFACE)
target_compile_options(neso_flags INTERFACE -Wall -Wextra -Wconversion -Wno-sign-conversion
                                            -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms of gcc 12 inside the standard library's strings and optionals (its bugs 105329, 105562 and 106199).
  target_compile_options(neso_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow)
endif()
target_include_directories(neso_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)

if(NESO_SANITIZE)
  add_compile_options(-fsanitize=${NESO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 -O1)
  add_link_options(-fsanitize=${NESO_SANITIZE})
endif()
# Seconds until a test hangs. Under a sanitizer the encoder is a hundred times slower.
set(NESO_TEST_TIMEOUT 600)
if(NESO_SANITIZE)
  set(NESO_TEST_TIMEOUT 3600)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-Og -g1)
endif()

find_program(NESO_CCACHE ccache)
if(NESO_CCACHE)
  # Paths relative to the checkout, so that a second checkout finds what the first has built.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${NESO_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

# neso_library(NAME DEPS a b ...): every .cc of the folder (tests and benchmarks excepted) as static library neso_NAME;
# DEPS are its arrows, ours and third-party alike. Tests beside the code become the ctest entry NAME_test; a benchmark
# beside the code, x_bench.cc, becomes the program x_bench, which only a build that names it makes.
function(neso_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;TEST_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|/main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_library(neso_${name} STATIC ${sources})
    target_link_libraries(neso_${name} PUBLIC ${ARG_DEPS} PRIVATE neso_flags)
    target_include_directories(neso_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  else()
    add_library(neso_${name} INTERFACE)
    target_link_libraries(neso_${name} INTERFACE ${ARG_DEPS})
    target_include_directories(neso_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
  endif()
  if(NESO_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE neso_${name} neso_flags ${ARG_TEST_DEPS} GTest::gmock_main)
    if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CMAKE_CROSSCOMPILING)
      target_compile_options(${name}_test PRIVATE -O1)  # a third less to wait for; what is tested keeps its -O3
    endif()
    add_test(NAME ${name}_test COMMAND ${name}_test)
    set_tests_properties(${name}_test PROPERTIES LABELS unit TIMEOUT ${NESO_TEST_TIMEOUT})
  endif()
  if(TARGET benchmark::benchmark)
    file(GLOB benches CONFIGURE_DEPENDS *_bench.cc)
    foreach(bench ${benches})
      get_filename_component(program ${bench} NAME_WE)
      add_executable(${program} EXCLUDE_FROM_ALL ${bench})
      target_link_libraries(${program} PRIVATE neso_${name} neso_flags benchmark::benchmark)
    endforeach()
  endif()
  neso_check_headers(${name})
endfunction()

# Each header compiles alone. x.cc includes x.h before all else (clang-format puts it there), which proves it; a header
# without such a source gets a generated one, in the target `headers` (./dev lint builds it).
function(neso_check_headers name)
  file(GLOB headers CONFIGURE_DEPENDS *.h)
  foreach(header ${headers})
    string(REGEX REPLACE "h$" "cc" source ${header})
    if(EXISTS ${source})
      list(REMOVE_ITEM headers ${header})
    endif()
  endforeach()
  if(NOT headers)
    return()
  endif()
  set(checks)
  foreach(header ${headers})
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR}/src ${header})
    string(MAKE_C_IDENTIFIER ${path} id)
    set(check ${CMAKE_CURRENT_BINARY_DIR}/header_${id}.cc)
    file(CONFIGURE OUTPUT ${check} CONTENT "#include \"${path}\"\n#include \"${path}\"\n")
    list(APPEND checks ${check})
  endforeach()
  add_library(neso_${name}_headers OBJECT EXCLUDE_FROM_ALL ${checks})
  target_link_libraries(neso_${name}_headers PRIVATE neso_${name} neso_flags)
  if(NOT TARGET headers)
    add_custom_target(headers)
  endif()
  add_dependencies(headers neso_${name}_headers)
endfunction()

# What a test reads beside its own folder: a real model, small graphs, ONNX Runtime.
function(neso_test_data test)
  if(TARGET ${test})
    target_compile_definitions(${test} PRIVATE
      NESO_TEST_MODEL="${NESO_DEPS}/models/all-minilm-l6-v2/1"
      NESO_TEST_ONNX="${CMAKE_SOURCE_DIR}/tests/data/onnx"
      NESO_TEST_ONNX_RUNTIME="${NESO_DEPS}/onnxruntime/lib/libonnxruntime.so.1")
  endif()
endfunction()
