#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the includes of src/: which folder may use which, where a third-party library lives, who reads the
environment. The two tables below are the rules; a new folder or library is one new line in them.

  tools/check_layers.py               exit 1 with one "file:line: sentence" per mistake
  tools/check_layers.py --self-test   feeds known mistakes to the checks and expects each to be found
"""
import fnmatch
import re
import sys
from pathlib import Path, PurePosixPath

# folder -> the folders it may include. Arrows are transitive; "*" is every folder. A pattern stands for the folders
# it matches, which never include each other.
ARROWS = {
    "base": [],
    "tensor": ["base"],
    "config": ["tensor"],
    "tokenizer": ["base"],
    "checkpoint": ["tensor"],
    "simd": ["base"],
    "gpu": ["base"],
    "engine": ["checkpoint", "tensor"],
    "engine/onnx": ["engine", "config"],
    "engine/cpu": ["engine", "checkpoint", "simd"],
    "engine/cuda": ["engine", "checkpoint"],
    "trace": ["config"],
    "scheduling": ["trace", "engine", "config"],
    "request": ["scheduling", "trace", "config"],
    "sequence": ["request"],
    "model": ["sequence", "tokenizer"],
    "model/loading": ["model", "engine/onnx", "engine/cpu", "checkpoint", "gpu"],
    "repository": ["model/loading"],
    "serving": ["repository"],
    "net": ["base"],
    "otlp": ["trace", "net"],
    "load": ["net", "tensor"],
    "api": ["serving", "net"],
    "api/*": ["api", "serving", "net"],
    "app": ["*"],
}

# A header (pattern) -> the places (patterns below src/) that may include it.
HOMES = {
    "rapidjson/*": ["base/json.cc"],
    "onnxruntime*": ["engine/onnx/*"],
    "dnnl*": ["engine/cpu/*", "simd/*_test.cc", "simd/*_bench.cc"],
    "oneapi/dnnl/*": ["engine/cpu/*", "simd/*_test.cc", "simd/*_bench.cc"],
    "boost/*": ["net/*"],
    "gperftools/*": ["app/heap.cc"],
    "zlib.h": ["net/content_coding.cc"],
    "absl/*": ["api/triton/repository_request.cc", "api/grpc/grpc_server.cc"],
    "google/protobuf/*": ["config/*", "api/grpc/*"],
    "model_config.pb.h": ["config/*"],
    "*.pb.h": ["api/grpc/*", "load/grpc_protocol.cc"],
    "grpc*/*": ["api/grpc/*", "load/grpc_protocol.cc"],
    "?mmintrin.h": ["simd/*"],
    "immintrin.h": ["simd/*"],
    "x86intrin.h": ["simd/*"],
    "arm_neon.h": ["simd/*"],
    "neso_tokenizers.h": ["tokenizer/*"],
    "CLI/*": ["app/*"],
    "CLI11.hpp": ["app/*"],
    "fmt/*": ["*"],
    "gtest/*": ["*_test.cc"],
    "gmock/*": ["*_test.cc"],
    "benchmark/*": ["*_bench.cc"],
}

# Folders below /usr/include that belong to the system, not to a library.
SYSTEM_FOLDERS = {"arpa", "asm", "linux", "net", "netinet", "sys"}

# Test code may reach down freely and is never included by other code.
TEST_FILES = ["*_test.cc", "*_bench.cc", "test_*", "*_fixture.h", "*_fixture.cc", "temporary_folder.h"]

ENVIRONMENT_READERS = ["config/*", "app/*"]

SOURCE_SUFFIXES = {".h", ".cc", ".inc", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
GETENV = re.compile(r"\b(secure_)?getenv\b")


def matches(text, patterns):
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def row_of(folder):
    """The row of ARROWS for a folder: itself, the pattern that matches it, or None."""
    if folder in ARROWS:
        return folder
    depth = folder.count("/")
    for row in ARROWS:
        if row.count("/") == depth and fnmatch.fnmatchcase(folder, row):
            return row
    return None


def reachable(row):
    """All rows that `row` may include, over any number of arrows."""
    seen = set()
    waiting = list(ARROWS[row])
    while waiting:
        target = waiting.pop()
        if target not in seen:
            seen.add(target)
            waiting += ARROWS.get(target, [])
    return seen


def may_include(path, folder, target):
    if folder == target:
        return True
    source_row, target_row = row_of(folder), row_of(target)
    allowed = reachable(source_row)
    if "*" in allowed or target_row in allowed:
        return True
    # A test may use anything that is not built on top of its own folder; siblings stay apart.
    siblings = PurePosixPath(folder).parent == PurePosixPath(target).parent and "/" in folder
    above = source_row in reachable(target_row) or "*" in ARROWS[target_row]
    return matches(PurePosixPath(path).name, TEST_FILES) and not siblings and not above


def check_own_include(path, folder, header):
    """An include of one of our headers, given by its path from src/; a sentence or None."""
    target = str(PurePosixPath(header).parent)
    if row_of(target) is None:
        return f'"{header}" names no folder of src/; include our headers by their path from src/'
    name = PurePosixPath(path).name
    if matches(PurePosixPath(header).name, TEST_FILES) and not matches(name, TEST_FILES):
        return f'"{header}" is for tests; code that is shipped may not include it'
    if not may_include(path, folder, target):
        arrows = ", ".join(sorted(reachable(row_of(folder)))) or "nothing"
        return f"{folder} may not include {target} ({header}); its arrows lead to: {arrows}"
    return None


def check_include(path, folder, quote, header):
    homes = [places for pattern, places in HOMES.items() if fnmatch.fnmatchcase(header, pattern)]
    if homes:
        if any(matches(path, places) for places in homes):
            return None
        return f"<{header}> is included only in {', '.join(homes[0])}"
    if quote == '"':
        return check_own_include(path, folder, header)
    if "/" in header and header.split("/")[0] not in SYSTEM_FOLDERS:
        return f"<{header}> has no home yet; add its library to HOMES in tools/check_layers.py"
    return None


def check_file(path, text):
    """Problems of one file, `path` being relative to src/: pairs of line number and sentence."""
    folder = str(PurePosixPath(path).parent)
    if row_of(folder) is None:
        return [(1, f"the folder src/{folder} has no row in ARROWS of tools/check_layers.py; add what it may include")]
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        include = INCLUDE.match(line)
        if include:
            problem = check_include(path, folder, include.group(1), include.group(2))
            if problem:
                problems.append((number, problem))
        elif GETENV.search(line.split("//")[0]) and not matches(path, ENVIRONMENT_READERS):
            problems.append((number, "the environment is read only in config/ and app/; take the value as an option"))
    return problems


def check_tables():
    """Mistakes in ARROWS itself: unknown targets and circles."""
    problems = []
    for row, targets in ARROWS.items():
        problems += [f"ARROWS: {row} points to {target}, which has no row"
                     for target in targets if target != "*" and target not in ARROWS]
        if row in reachable(row):
            problems.append(f"ARROWS: {row} leads back to itself")
    return problems


def check_tree(root):
    problems = check_tables()
    for file in sorted((root / "src").rglob("*")):
        if file.suffix in SOURCE_SUFFIXES:
            path = file.relative_to(root / "src").as_posix()
            found = check_file(path, file.read_text(encoding="utf-8"))
            problems += [f"src/{path}:{line}: {sentence}" for line, sentence in found]
    return problems


# file, its one line, and a part of the expected sentence (None: the line is fine)
SELF_TEST = [
    ("tensor/a.h", '#include "base/result.h"', None),
    ("base/a.h", '#include "tensor/shape.h"', "base may not include tensor"),
    ("checkpoint/a.cc", '#include "base/file.h"', None),
    ("engine/cpu/a.cc", '#include "tensor/shape.h"', None),
    ("engine/cpu/a.cc", '#include "engine/onnx/onnx_engine.h"', "engine/cpu may not include engine/onnx"),
    ("engine/cpu/a_test.cc", '#include "engine/onnx/onnx_engine.h"', "engine/cpu may not include engine/onnx"),
    ("engine/a.cc", '#include "engine/cpu/cpu_engine.h"', "engine may not include engine/cpu"),
    ("engine/a_test.cc", '#include "tokenizer/tokenizer.h"', None),
    ("engine/a_test.cc", '#include "serving/service.h"', "engine may not include serving"),
    ("net/a.cc", '#include "serving/service.h"', "net may not include serving"),
    ("net/a_test.cc", '#include "app/version.h"', "net may not include app"),
    ("api/triton/a.cc", '#include "net/http_server.h"', None),
    ("api/triton/a.cc", '#include "api/openai/b.h"', "api/triton may not include api/openai"),
    ("api/triton/a.cc", '#include "api/triton/b.h"', None),
    ("app/a.cc", '#include "api/triton/b.h"', None),
    ("base/a.cc", '#include "result.h"', "names no folder of src/"),
    ("base/a.cc", '#include "base/temporary_folder.h"', "is for tests"),
    ("base/a_test.cc", '#include "base/temporary_folder.h"', None),
    ("unknown/a.cc", "", "has no row in ARROWS"),
    ("base/json.cc", "#include <rapidjson/reader.h>", None),
    ("base/json_writer.cc", "#include <rapidjson/writer.h>", "only in base/json.cc"),
    ("serving/a.cc", "  #  include <onnxruntime_c_api.h>", "only in engine/onnx/*"),
    ("api/triton/a.cc", "#include <boost/asio.hpp>", "only in net/*"),
    ("engine/cpu/a.cc", "#include <immintrin.h>", "only in simd/*"),
    ("engine/cpu/a.cc", "#include <oneapi/dnnl/dnnl.hpp>", None),
    ("simd/a.cc", '#include "dnnl.hpp"', "only in engine/cpu/*"),
    ("serving/a.cc", '#include "model_config.pb.h"', "only in config/*"),
    ("api/triton/a.cc", "#include <grpc_service.pb.h>", "only in api/grpc/*"),
    ("net/a.cc", "#include <grpcpp/server.h>", "only in api/grpc/*"),
    ("api/grpc/a.cc", "#include <grpcpp/server.h>", None),
    ("api/grpc/a.cc", '#include "api/triton/b.h"', "api/grpc may not include api/triton"),
    ("app/a.cc", "#include <neso_tokenizers.h>", "only in tokenizer/*"),
    ("config/a.cc", "#include <CLI/CLI.hpp>", "only in app/*"),
    ("base/a.cc", "#include <nlohmann/json.hpp>", "has no home yet"),
    ("base/a.h", "#include <gtest/gtest.h>", "only in *_test.cc"),
    ("base/a.cc", "#include <sys/stat.h>", None),
    ("net/a.cc", 'const char* home = std::getenv("HOME");', "the environment is read only"),
    ("net/a.cc", "// getenv is not used here", None),
    ("config/a.cc", 'getenv("HOME");', None),
]


def self_test():
    failures = check_tables()
    for path, line, expected in SELF_TEST:
        found = [sentence for _, sentence in check_file(path, f"// first line\n{line}\n")]
        if expected is None and found:
            failures.append(f"{path}: `{line}` is fine but was refused: {found[0]}")
        elif expected is not None and not any(expected in sentence for sentence in found):
            failures.append(f"{path}: `{line}` was not refused with '{expected}' but with {found}")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        problems = self_test()
    elif not sys.argv[1:]:
        problems = check_tree(Path(__file__).resolve().parent.parent)
    else:
        sys.exit(__doc__)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
