# SPDX-License-Identifier: Apache-2.0
"""Every recorded answer of a real Triton against this server, with the same models as ONNX graphs. What differs on purpose
stands in differences.tsv, with the reason, and must really differ."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))

import recorded  # noqa: E402
from neso_server import Server  # noqa: E402

OPTIONS = ("--model-control-mode=explicit", "--load-model=*", "--exit-on-error=false", "--cache-config=local,size=1048576", "--grpc-port=0")


def known_differences():
    lines = (HERE / "differences.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#"))


class RecordedAnswers(unittest.TestCase):
    def test_they_are_ours_too(self):
        different = known_differences()
        with tempfile.TemporaryDirectory() as folder:
            models = pathlib.Path(folder, "models")
            subprocess.run([sys.executable, "-B", HERE / "make_models.py", models], check=True)
            # The recordings' order: by file, in a fresh server; each case restores what it changes.
            with Server(models, *OPTIONS) as server:
                for file in sorted((HERE / "http").glob("*.jsonl")):
                    for case in recorded.read_cases(file):
                        with self.subTest(case=case["name"]):
                            found = recorded.replay(server.http_port, case)
                            if case["name"] in different:
                                self.assertTrue(found, "it does not differ any more: take it out of differences.tsv")
                            else:
                                self.assertEqual(found, [])
                self.assertIsNone(server.process.poll(), "the server is alive afterwards")


if __name__ == "__main__":
    unittest.main()
