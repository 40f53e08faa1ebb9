# SPDX-License-Identifier: Apache-2.0
"""model_warmup on the real program: every kind of input, on each instance, before a version is ready."""

import pathlib
import unittest

import numpy as np
from neso_server import Server, TemporaryRepository, some_encoder
from onnx import TensorProto, helper

TENSORS = 'input { name: "X" data_type: TYPE_INT32 dims: [ 2 ] } output { name: "Y" data_type: TYPE_FP32 dims: [ 2 ] } '


def model():
    """Y = table[X]; random numbers are not in it."""
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "X"], ["Y"])], "lookup",
        [helper.make_tensor_value_info("X", TensorProto.INT32, ["batch", 2])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor("table", TensorProto.FLOAT, [3], [0.0, 1.0, 2.0])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def sample(source, name="first", batch_size=1, count="", kind="INT32", dims="[ 2 ]", tensor="X"):
    return (f'model_warmup {{ name: "{name}" batch_size: {batch_size} {count} inputs {{ key: "{tensor}" '
            f"value {{ data_type: TYPE_{kind} dims: {dims} {source} }} }} }} ")


class Warmup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        cls.data = np.array([2, 1], dtype=np.int32).tobytes()
        cls.models = {
            "zeros": sample("zero_data: true"),
            "file": sample('input_data_file: "x"'),
            "batches": sample("zero_data: true", batch_size=3, count="count: 2") + sample("zero_data: true", name="second"),
            "skipped": sample("random_data: true", batch_size=0),
            # None of these may serve.
            "random": sample("random_data: true"),
            "short_file": sample('input_data_file: "short"'),
            "no_file": sample('input_data_file: "none"'),
            "no_data": sample(""),
            "too_many": sample("zero_data: true", batch_size=5),
            "wrong_type": sample("zero_data: true", kind="FP32"),
            "wrong_name": sample("zero_data: true", tensor="Z"),
            "varies": sample("zero_data: true", dims="[ -1 ]"),
        }
        for name, warmup in cls.models.items():
            cls.repository.add(name, config=f"max_batch_size: 4 {TENSORS} {warmup} instance_group {{ count: 2 kind: KIND_CPU }}",
                               files=[("model.onnx", model())])
            folder = pathlib.Path(cls.repository.path, name, "warmup")
            folder.mkdir()
            (folder / "x").write_bytes(cls.data)
            (folder / "short").write_bytes(cls.data[:5])
        for name, source in (("text_zeros", "zero_data: true"), ("text_random", "random_data: true")):
            cls.repository.add_folder(name, some_encoder(), config="max_batch_size: 8 " + sample(
                source, batch_size=3, kind="INT64", dims="[ 16 ]", tensor="input_ids"))
        cls.server = Server(cls.repository.path, "--exit-on-error=false", "--strict-readiness=false")
        cls.index = {entry["name"]: entry for entry in cls.server.request("POST", "/v2/repository/index").json()}

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.repository.__exit__()

    def statistics(self, name):
        return self.server.get(f"/v2/models/{name}/stats").json()["model_stats"][0]

    def reason(self, name):
        self.assertEqual(self.index[name]["state"], "UNAVAILABLE", self.index[name])
        return self.index[name]["reason"]

    def test_samples_run_on_each_instance_and_count(self):
        for name, requests, executions in (("zeros", 2, 2), ("file", 2, 2), ("batches", 14, 6), ("skipped", 0, 0)):
            with self.subTest(model=name):
                self.assertEqual(self.index[name]["state"], "READY")
                statistics = self.statistics(name)
                self.assertEqual(statistics["inference_stats"]["success"]["count"], requests)
                self.assertEqual(statistics["inference_count"], requests)
                self.assertEqual(statistics["execution_count"], executions)
        self.assertEqual([batch["batch_size"] for batch in self.statistics("batches")["batch_stats"]], [1, 3])

    def test_synthetic_ids_are_a_text(self):
        for name in ("text_zeros", "text_random"):
            with self.subTest(model=name):
                self.assertEqual(self.index[name]["state"], "READY")
                self.assertEqual(self.statistics(name)["inference_stats"]["success"]["count"], 3)

    def test_a_sample_that_fails_fails_the_load(self):
        self.assertRegex(self.reason("random"), "^Invalid argument: failed to run warmup sample 'first': .*Gather.*; $")
        self.assertEqual(self.reason("too_many"), "Invalid argument: failed to run warmup sample 'first': batch size 5 for 'too_many', max allowed is 4")

    def test_a_sample_that_cannot_be_made_fails_the_load(self):
        unknown = "[request id: <id_unknown>] "
        for name, reason in (
                ("short_file", f"{unknown}warmup setting expects 8 bytes, but the data provided from short only has 5 bytes"),
                ("no_data", f"{unknown}warmup setting expects input 'X' to have input_data_type set"),
                ("varies", "warmup setting expects all variable-size dimensions are specified for input 'X'"),
                ("wrong_type", f"{unknown}inference input 'X' data-type is 'FP32', but model 'wrong_type' expects 'INT32'"),
                ("wrong_name", "unexpected inference input 'Z' for model 'wrong_name'")):
            with self.subTest(model=name):
                self.assertEqual(self.reason(name), f"Invalid argument: {reason}")
        self.assertIn("warmup/none", self.reason("no_file"))


if __name__ == "__main__":
    unittest.main()
