# SPDX-License-Identifier: Apache-2.0
"""Stateful models on the real program, over HTTP and asked by Triton's own Python client."""

import pathlib
import queue
import unittest

import numpy as np
import tritonclient.grpc as triton
from neso_server import Server, TemporaryRepository
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

START = 'control_input { name: "START" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } } '
CORRID = 'control_input { name: "CORRID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } } '
SUM = 'state { input_name: "SUM_IN" output_name: "SUM_OUT" data_type: TYPE_FP32 dims: [ -1 ] %s} '
TENSORS = ('input { name: "INPUT" data_type: TYPE_FP32 dims: [ -1 ] } output { name: "OUTPUT" data_type: TYPE_FP32 dims: [ -1 ] } '
           'output { name: "ID" data_type: TYPE_STRING dims: [ 1 ] } ')


def model(width="n"):
    """OUTPUT = SUM_IN + INPUT, SUM_OUT = OUTPUT; ID = CORRID; START is asked for, and adds nothing."""
    value = lambda name, kind, dims: helper.make_tensor_value_info(name, kind, ["batch", *dims])
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Mul", ["START", "zero"], ["nothing"]), helper.make_node("Add", ["INPUT", "nothing"], ["input"]),
         helper.make_node("Add", ["SUM_IN", "input"], ["OUTPUT"]), helper.make_node("Identity", ["OUTPUT"], ["SUM_OUT"]),
         helper.make_node("Identity", ["CORRID"], ["ID"])],
        "sums",
        [value("INPUT", floats, [width]), value("START", floats, [1]), value("CORRID", TensorProto.STRING, [1]),
         value("SUM_IN", floats, ["m"])],
        [value("OUTPUT", floats, ["k"]), value("SUM_OUT", floats, ["k"]), value("ID", TensorProto.STRING, [1])],
        [helper.make_tensor("zero", floats, [1], [0.0])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def config(strategy="", initial=""):
    return f"max_batch_size: 4 {TENSORS} sequence_batching {{ {strategy} {START} {CORRID} {SUM % initial} }} instance_group {{ count: 1 kind: KIND_CPU }}"


def values(*numbers):
    tensor = triton.InferInput("INPUT", [1, len(numbers)], "FP32")
    tensor.set_data_from_numpy(np.array([numbers], dtype=np.float32))
    return [tensor]


class Sequences(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        graph = [("model.onnx", model())]
        cls.repository.add("direct", config=config(), files=graph)
        cls.repository.add("oldest", config=config("oldest { max_candidate_sequences: 16 }"), files=graph)
        cls.repository.add("ordered", config=config("oldest { max_candidate_sequences: 16 preserve_ordering: true }"), files=graph)
        cls.repository.add("two_slots", config=config("oldest { max_candidate_sequences: 2 } max_sequence_idle_microseconds: 300000"),
                           files=graph)
        initial = 'initial_state { name: "i" data_type: TYPE_FP32 dims: [ 2 ] data_file: "tens" } '
        cls.repository.add("initial", config=config(initial=initial), files=graph)
        folder = pathlib.Path(cls.repository.path, "initial", "initial_state")
        folder.mkdir()
        (folder / "tens").write_bytes(np.array([10, 20], dtype=np.float32).tobytes())
        cls.repository.add("completed", config=f"max_batch_size: 4 sequence_batching {{ {START} {CORRID} {SUM % ''} }}", files=graph)
        cls.repository.add("no_such_control", config=config().replace('"START"', '"BEGIN"'), files=graph)
        cls.server = Server(cls.repository.path, "--model-control-mode=explicit", "--load-model=*", "--exit-on-error=false")
        cls.grpc = triton.InferenceServerClient(f"127.0.0.1:{cls.server.grpc_port}")

    @classmethod
    def tearDownClass(cls):
        cls.grpc.close()
        cls.server.stop()
        cls.repository.__exit__()

    def ask(self, name, sequence, *numbers, **flags):
        answer = self.grpc.infer(name, values(*numbers), sequence_id=sequence, **flags)
        return answer.as_numpy("OUTPUT")[0].tolist()

    def ask_http(self, name, sequence, *numbers, **flags):
        answer = self.server.infer(name, [{"name": "INPUT", "datatype": "FP32", "shape": [1, len(numbers)], "data": numbers}],
                                   parameters={"sequence_id": sequence, **flags})
        if answer.status != 200:
            raise InferenceServerException(answer.json()["error"])
        return answer.json()["outputs"][0]["data"]

    def test_nothing_of_a_strategy_is_without_effect(self):
        self.assertNotIn("does not act on", self.server.log_text())

    def test_a_sum_is_kept_per_sequence(self):
        for ask in (self.ask, self.ask_http):
            for name in ("direct", "oldest", "ordered", "completed"):
                with self.subTest(by=ask.__name__, model=name):
                    self.assertEqual(ask(name, 5, 1, sequence_start=True), [1])
                    self.assertEqual(ask(name, "five", 7, sequence_start=True), [7])
                    self.assertEqual(ask(name, 5, 2), [3])
                    self.assertEqual(ask(name, "five", 1, sequence_end=True), [8])
                    self.assertEqual(ask(name, 5, 3, sequence_end=True), [6])
                    with self.assertRaisesRegex(InferenceServerException, f"for sequence 5 to model '{name}' must specify the START flag"):
                        ask(name, 5, 1)

    def test_a_stream_answers_in_order_and_sequences_do_not_mix(self):
        answers = queue.Queue()
        client = triton.InferenceServerClient(f"127.0.0.1:{self.server.grpc_port}")
        try:
            client.start_stream(lambda result, error: answers.put((result, error)))
            for step in range(50):
                for sequence in ("a", "b", 3):
                    # Some are too long to be read at once.
                    numbers = [float(len(str(sequence)))] * (6000 if sequence == "b" else 1)
                    client.async_stream_infer("oldest", values(*numbers), sequence_id=sequence, request_id=f"{sequence} {step}",
                                              sequence_start=step == 0, sequence_end=step == 49)
            for step in range(50):
                for sequence in ("a", "b", 3):
                    result, error = answers.get(timeout=60)
                    self.assertIsNone(error)
                    self.assertEqual(result.get_response().id, f"{sequence} {step}")
                    self.assertEqual(result.as_numpy("OUTPUT")[0][-1], step + 1)
                    self.assertEqual(result.as_numpy("ID")[0][0], str(sequence).encode())
        finally:
            client.stop_stream()
            client.close()

    def test_a_sequence_starts_with_its_initial_state(self):
        self.assertEqual(self.ask("initial", 1, 1, 2, sequence_start=True), [11, 22])
        self.assertEqual(self.ask("initial", 1, 1, 1), [12, 23])
        self.assertEqual(self.ask("initial", 1, 0, 0, sequence_start=True), [10, 20])

    def test_a_third_sequence_waits_until_another_was_idle_for_too_long(self):
        self.ask("two_slots", 1, 1, sequence_start=True)
        self.ask("two_slots", 2, 1, sequence_start=True)
        self.assertEqual(self.ask("two_slots", 3, 5, sequence_start=True), [5])
        with self.assertRaisesRegex(InferenceServerException, "must specify the START flag"):
            self.ask("two_slots", 1, 1)

    def test_what_the_server_fills_in_is_no_input_and_no_output(self):
        for name in ("direct", "completed"):
            metadata = self.grpc.get_model_metadata(name)
            self.assertEqual([tensor.name for tensor in metadata.inputs], ["INPUT"])
            self.assertEqual([tensor.name for tensor in metadata.outputs], ["OUTPUT", "ID"])
        with self.assertRaisesRegex(InferenceServerException, "expected 1 inputs but got 2 inputs"):
            start = triton.InferInput("START", [1, 1], "FP32")
            start.set_data_from_numpy(np.ones((1, 1), dtype=np.float32))
            self.grpc.infer("direct", [*values(1), start], sequence_id=1, sequence_start=True)

    def test_refusals_are_tritons(self):
        with self.assertRaisesRegex(InferenceServerException, "must specify a non-zero or non-empty correlation ID"):
            self.ask("direct", 0, 1, sequence_start=True)
        with self.assertRaisesRegex(InferenceServerException, "string correlation ID cannot be longer than 128 characters"):
            self.ask("direct", "x" * 129, 1, sequence_start=True)
        two = triton.InferInput("INPUT", [2, 1], "FP32")
        two.set_data_from_numpy(np.ones((2, 1), dtype=np.float32))
        with self.assertRaisesRegex(InferenceServerException, "must specify batch-size 1 due to requirements of sequence batcher"):
            self.grpc.infer("direct", [two], sequence_id=1, sequence_start=True)

    def test_a_model_without_its_control_does_not_load(self):
        reasons = {model.name: model.reason for model in self.grpc.get_model_repository_index().models}
        self.assertIn("configuration specified sequence control 'BEGIN', but model does not provide that input", reasons["no_such_control"])

    def test_a_reload_ends_its_sequences(self):
        self.ask("initial", 9, 1, 1, sequence_start=True)
        self.grpc.unload_model("initial")
        self.grpc.load_model("initial")
        with self.assertRaisesRegex(InferenceServerException, "for sequence 9 to model 'initial' must specify the START flag"):
            self.ask("initial", 9, 1, 1)
        self.assertEqual(self.ask("initial", 9, 1, 1, sequence_start=True), [11, 21])

    def test_the_extension_is_named(self):
        self.assertIn("sequence", self.server.get("/v2").json()["extensions"])
        self.assertIn("sequence", self.grpc.get_server_metadata().extensions)


if __name__ == "__main__":
    unittest.main()
