# SPDX-License-Identifier: Apache-2.0
"""Models that are asked, configured or stored badly: what the client, the log and the counters are told."""

import unittest

from neso_server import ROOT, Server, TemporaryRepository

DATA = ROOT / "tests/data/onnx"


def tensor(name, datatype, data):
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


class FailingRuns(unittest.TestCase):
    """A graph that cannot compute with what it is given: Gather beyond its 4 rows."""

    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        cls.repository.add("fails", files=[("model.onnx", DATA / "fails_at_run.onnx")])
        cls.server = Server(cls.repository.path)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.repository.__exit__()

    def pick(self, index, datatype="INT64"):
        inputs = [tensor("INDEX", datatype, [index]), tensor("X", "FP32", [1, 2, 3]), tensor("TARGET", "INT64", [3, 1])]
        return self.server.infer("fails", inputs, outputs=[{"name": "PICKED"}])

    def failures(self):
        statistics = self.server.get("/v2/models/fails/stats").json()["model_stats"][0]["inference_stats"]
        by_reason = {line.split('reason="')[1].split('"')[0]: int(line.split()[-1])
                     for line in self.server.metrics().splitlines() if line.startswith("nv_inference_request_failure{")}
        return statistics["fail"]["count"], by_reason

    def test_it_is_a_clients_error_counted_as_the_backends_and_not_a_line_in_the_log_each(self):
        self.assertEqual(self.pick(2).status, 200)
        for _ in range(20):
            answer = self.pick(7)
            self.assertEqual(answer.status, 400, answer.body)
        sentence = answer.json()["error"]
        self.assertIn("the model's Gather node cannot compute with these inputs: indices element out of data bounds, idx=7", sentence)
        self.assertEqual(self.failures(), (20, {"REJECTED": 0, "CANCELED": 0, "BACKEND": 20, "OTHER": 0}))
        self.assertEqual([line for line in self.server.log if "Gather" in line or line.startswith("E")], [])
        # Refused before it is queued: counted nowhere.
        self.assertEqual(self.pick(1, datatype="INT32").status, 400)
        self.assertEqual(self.failures()[0], 20)


if __name__ == "__main__":
    unittest.main()
