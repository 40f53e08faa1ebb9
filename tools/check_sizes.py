#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that files stay small enough to be read in one go. There is no list of exceptions: split the file.

  tools/check_sizes.py               exit 1 with one "file:line: sentence" per file over its limit; warns before
  tools/check_sizes.py --self-test   feeds files of known sizes to the checks
"""
import os
import sys
from pathlib import Path, PurePosixPath

SOURCE_SUFFIXES = {".h", ".cc", ".py", ".rs"}
SOURCE_LIMIT = 500
SOURCE_WARNING = 400
ROOT_CMAKE_LIMIT = 150
FOLDER_CMAKE_LIMIT = 40

# Build outputs and what was downloaded; never ours.
SKIPPED_FOLDERS = {".git", ".deps", ".venv", "__pycache__", "build", "node_modules", "target"}


def limits(path):
    """(warning, limit) in lines for a path from the root, or None where no limit holds."""
    if PurePosixPath(path).name == "CMakeLists.txt":
        limit = ROOT_CMAKE_LIMIT if path == "CMakeLists.txt" else FOLDER_CMAKE_LIMIT
        return limit, limit
    if PurePosixPath(path).suffix in SOURCE_SUFFIXES:
        return SOURCE_WARNING, SOURCE_LIMIT
    return None


def check_file(path, lines):
    """("error" or "warning", sentence) for a file of so many lines, or None."""
    found = limits(path)
    if found is None:
        return None
    warning, limit = found
    if lines > limit:
        return "error", f"{path}:{limit + 1}: {lines} lines, the limit is {limit}; split the file"
    if lines > warning:
        return "warning", f"{path}:{warning + 1}: warning: {lines} lines, the limit of {limit} is near"
    return None


def files_below(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            yield Path(folder, name).relative_to(root).as_posix()


def check_tree(root):
    results = []
    for path in files_below(root):
        if limits(path) is not None:
            with open(root / path, "rb") as file:
                results.append(check_file(path, sum(1 for _ in file)))
    return [result for result in results if result is not None]


# path, lines, expected kind
SELF_TEST = [
    ("src/base/a.cc", 400, None),
    ("src/base/a.cc", 401, "warning"),
    ("src/base/a.h", 500, "warning"),
    ("src/base/a.h", 501, "error"),
    ("tools/a.py", 501, "error"),
    ("rust/src/lib.rs", 501, "error"),
    ("docs/a.md", 5000, None),
    ("CMakeLists.txt", 150, None),
    ("CMakeLists.txt", 151, "error"),
    ("src/base/CMakeLists.txt", 40, None),
    ("src/base/CMakeLists.txt", 41, "error"),
]


def self_test():
    failures = []
    for path, lines, expected in SELF_TEST:
        result = check_file(path, lines)
        kind = result[0] if result else None
        if kind != expected:
            failures.append(("error", f"{path} with {lines} lines: expected {expected}, got {kind}"))
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        results = self_test()
    elif not sys.argv[1:]:
        results = check_tree(Path(__file__).resolve().parent.parent)
    else:
        sys.exit(__doc__)
    for _, sentence in results:
        print(sentence)
    sys.exit(1 if any(kind == "error" for kind, _ in results) else 0)


if __name__ == "__main__":
    main()
