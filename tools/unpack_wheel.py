# SPDX-License-Identifier: Apache-2.0
"""Copies the files of a wheel that match a pattern: unpack_wheel.py WHEEL PATTERN FOLDER.

PATTERN is one file pattern, or a folder followed by /** for everything below it, whose structure is kept.
"""

import fnmatch
import pathlib
import shutil
import sys
import zipfile


def main() -> int:
    wheel, pattern, folder = sys.argv[1:4]
    prefix = pattern[:-2] if pattern.endswith("/**") else ""
    copied = 0
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith("/") or not (name.startswith(prefix) if prefix else fnmatch.fnmatchcase(name, pattern)):
                continue
            target = pathlib.Path(folder) / (name[len(prefix):] if prefix else pathlib.PurePosixPath(name).name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            copied += 1
    if copied == 0:
        print(f"{wheel} has no file {pattern}", file=sys.stderr)
    return 0 if copied else 1


if __name__ == "__main__":
    sys.exit(main())
