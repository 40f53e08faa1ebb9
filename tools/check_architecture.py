# SPDX-License-Identifier: Apache-2.0
"""Checks that the folder table of ARCHITECTURE.md lists exactly the folders that are there.

A row of the table starts with "| `path/` |". Folders below src/ must each have a row, and so must the top-level ones.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
HIDDEN_OR_MADE = {"build"}


def folders_in_tree() -> set[str]:
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    folders = set()
    for line in files.stdout.splitlines():
        parts = pathlib.PurePosixPath(line).parts[:-1]
        if not parts or parts[0].startswith(".") or parts[0] in HIDDEN_OR_MADE:
            continue
        depth = 3 if parts[0] == "src" else 1
        for length in range(1, min(depth, len(parts)) + 1):
            folders.add("/".join(parts[:length]) + "/")
    return folders - {"src/", "src/api/"}


def folders_in_table() -> set[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    return set(re.findall(r"^\| `([^`]+/)` \|", text, flags=re.MULTILINE))


def main() -> int:
    tree, table = folders_in_tree(), folders_in_table()
    for folder in sorted(tree - table):
        print(f"ARCHITECTURE.md: the folder table has no row for {folder}")
    for folder in sorted(table - tree):
        print(f"ARCHITECTURE.md: the folder table names {folder}, which is not there")
    return 1 if tree != table else 0


if __name__ == "__main__":
    sys.exit(main())
