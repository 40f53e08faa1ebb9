#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets a judge from outside look at this server: the programs `replay` and `replay_grpc` of a folder, unchanged, over the
folder's cases/ and grpc_cases/. `./dev oracle --replay FOLDER` builds the server and runs this.

    replay.py FOLDER      which cases fail; exit status 0 when each of them is explained here, or in differences.tsv and
                          differences_grpc.tsv
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))

import recorded  # noqa: E402
import test_recorded  # noqa: E402
from neso_server import Server  # noqa: E402

# Lines that explain themselves, by case: protobuf's JSON leaves out the empty platform of the recordings' Python models, where
# an ONNX model has one also in Triton; and what is a client's mistake is not the server's (docs/triton-differences.md).
EXPLAINED = ((re.compile(""), re.compile(r"/config/platform: not expected, got 'onnxruntime_onnx'$")),
             (re.compile("^shared memory/register absent$"), re.compile(r"/code: want 'INTERNAL', got 'INVALID_ARGUMENT'$")))
# Each with a server of its own: the recordings begin with a fresh one.
JUDGES = (("replay", "cases", "differences.tsv", lambda server: f"http://127.0.0.1:{server.http_port}"),
          ("replay_grpc", "grpc_cases", "differences_grpc.tsv", lambda server: f"127.0.0.1:{server.grpc_port}"))


def run_judge(command, files):
    """Shows what it says; answers the lines of each case that fails, and whether it came to its end."""
    run = subprocess.run([*command, *files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(run.stdout, end="")
    lines = run.stdout.splitlines()
    names = [case["name"] for file in files for case in recorded.read_cases(file)]
    found = {name: [line for line in lines if line.startswith(f"FAIL {name}: ")] for name in names}
    failed = {name: of_case for name, of_case in found.items() if of_case}
    ended = f"{len(names) - len(failed)} passed, {len(failed)} failed" in lines
    return failed, ended and run.returncode == (1 if failed else 0)


def unexplained(failed, differences):
    """What a person must look at, as sentences."""
    known = test_recorded.known_differences(differences)
    for name, lines in failed.items():
        explained = [line for line in lines if any(case.search(name) and form.search(line) for case, form in EXPLAINED)]
        if name not in known and explained != lines:
            yield f"{name}: differs, and {differences} does not say why"
    for name in known.keys() - failed.keys():
        yield f"{name}: does not differ any more: take it out of {differences}"


def main():
    if len(sys.argv) != 2 or not all(pathlib.Path(sys.argv[1], judge[0]).exists() for judge in JUDGES):
        sys.exit(__doc__)
    judges = pathlib.Path(sys.argv[1]).resolve()
    agreed = True
    with tempfile.TemporaryDirectory() as folder:
        models = pathlib.Path(folder, "models")
        subprocess.run([sys.executable, "-B", HERE / "make_models.py", models], check=True)
        for program, cases, differences, target in JUDGES:
            with Server(models, *test_recorded.OPTIONS) as server:
                command = [judges / program, "--onnx", "--show=99", target(server)]
                failed, ended = run_judge(command, sorted((judges / cases).glob("*.jsonl")))
                problems = list(unexplained(failed, differences))
                if not ended or server.process.poll() is not None:
                    problems.append("it did not come to its end, or the server did")
            print(*[f"{program}: {problem}" for problem in problems or ["every case that differs is explained"]], sep="\n")
            agreed &= not problems
    sys.exit(0 if agreed else 1)


if __name__ == "__main__":
    main()
