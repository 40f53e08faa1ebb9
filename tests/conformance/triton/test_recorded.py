# SPDX-License-Identifier: Apache-2.0
"""Every recorded answer of a real Triton against this server, with the same models as ONNX graphs. What differs on purpose
stands in differences.tsv and differences_grpc.tsv, with the reason, and must really differ."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))

import recorded  # noqa: E402
import recorded_grpc  # noqa: E402
from neso_server import Server  # noqa: E402

OPTIONS = ("--model-control-mode=explicit", "--load-model=*", "--exit-on-error=false", "--cache-config=local,size=1048576", "--grpc-port=0")


def known_differences(name):
    lines = (HERE / name).read_text().splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#"))


class RecordedAnswers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.models = pathlib.Path(cls.folder.name, "models")
        subprocess.run([sys.executable, "-B", HERE / "make_models.py", cls.models], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def replay(self, folder, differences, send):
        """In the recordings' order, by file; each case restores what it changes. `send` answers what differs."""
        different = known_differences(differences)
        for file in sorted((HERE / folder).glob("*.jsonl")):
            for case in recorded.read_cases(file):
                with self.subTest(case=case["name"]):
                    found = send(case)
                    if case["name"] in different:
                        self.assertTrue(found, f"it does not differ any more: take it out of {differences}")
                    else:
                        self.assertEqual(found, [])

    def test_they_are_ours_too(self):
        with Server(self.models, *OPTIONS) as server:
            self.replay("http", "differences.tsv", lambda case: recorded.replay(server.http_port, case))
            self.assertIsNone(server.process.poll(), "the server is alive afterwards")

    def test_they_are_ours_over_grpc_too(self):
        with Server(self.models, *OPTIONS) as server, recorded_grpc.Client(server.grpc_port) as client:
            self.replay("grpc", "differences_grpc.tsv", lambda case: recorded_grpc.replay(client, case))
            self.assertIsNone(server.process.poll(), "the server is alive afterwards")


if __name__ == "__main__":
    unittest.main()
