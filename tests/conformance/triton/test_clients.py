# SPDX-License-Identifier: Apache-2.0
"""Triton's own Python clients, as they are in the registry, over HTTP and gRPC. The same tests run against a real Triton:
`./dev oracle` names its ports in NESO_ORACLE_PORTS (HTTP,gRPC), and it must serve the same models."""

import asyncio
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from google.protobuf import json_format
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, shared_memory

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))

from neso_server import Server  # noqa: E402
from test_recorded import OPTIONS  # noqa: E402

TIMEOUT_S = 30
ROW = np.arange(16, dtype=np.int32).reshape(1, 16)
TEN = np.full((1, 16), 10, dtype=np.int32)
server = None  # ours, or None when it is a real Triton
ports = None


def setUpModule():
    global server, ports
    if given := os.environ.get("NESO_ORACLE_PORTS"):
        ports = [int(port) for port in given.split(",")]
        return
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    models = pathlib.Path(folder.name, "models")
    subprocess.run([sys.executable, "-B", HERE / "make_models.py", models], check=True)
    server = Server(models, *OPTIONS)
    unittest.addModuleCleanup(server.stop)
    ports = [server.http_port, server.grpc_port]


class BothProtocols:
    """The tests. A class for each protocol says which client, and bridges where the two clients' calls differ."""

    def setUp(self):
        self.client = self.triton.InferenceServerClient(self.url())
        self.addCleanup(self.client.close)

    def tensor(self, name, values, **how):
        values = np.asarray(values)
        tensor = self.triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values, **how)
        return tensor

    def sum_inputs(self, first=ROW, second=TEN):
        return [self.tensor("INPUT0", first), self.tensor("INPUT1", second)]

    def requested(self, name, **how):
        return self.triton.InferRequestedOutput(name, **how)

    def check_sum(self, result, first=ROW, second=TEN):
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first + second)
        np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first - second)

    def statistics(self, model):
        (entry,) = self.as_json(self.client.get_inference_statistics(model))["model_stats"]
        return {name: int(entry["inference_stats"].get(name, {}).get("count", 0)) for name in ("success", "fail")}

    def test_health_and_metadata(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("simple"))
        self.assertTrue(self.client.is_model_ready("versioned", "3"))
        self.assertFalse(self.client.is_model_ready("versioned", "2"))
        self.assertEqual(self.as_json(self.client.get_server_metadata())["name"], "triton")
        metadata = self.as_json(self.client.get_model_metadata("simple"))
        self.assertEqual([tensor["name"] for tensor in metadata["inputs"]], ["INPUT0", "INPUT1"])
        self.assertEqual(self.config("simple")["max_batch_size"], 8)

    def test_one_request(self):
        result = self.client.infer("simple", self.sum_inputs(), request_id="seven")
        self.check_sum(result)
        self.assertEqual(self.as_json(result.get_response())["id"], "seven")

    def test_inputs_are_used_again(self):
        inputs, outputs = self.sum_inputs(), [self.requested("OUTPUT0"), self.requested("OUTPUT1")]
        for factor in (1, 2, 3):
            inputs[0].set_data_from_numpy(ROW * factor)
            self.check_sum(self.client.infer("simple", inputs, outputs=outputs), first=ROW * factor)

    def test_only_what_was_asked_for_comes(self):
        result = self.client.infer("simple", self.sum_inputs(), outputs=[self.requested("OUTPUT1")])
        self.assertIsNone(result.as_numpy("OUTPUT0"))
        np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), ROW - TEN)

    def test_every_type(self):
        values = {"bool": [[True, False]], "int8": [[-128, 127]], "int16": [[-5, 5]], "int64": [[-2**62, 2**62]],
                  "uint8": [[0, 255]], "uint16": [[0, 65535]], "uint32": [[0, 2**32 - 1]], "uint64": [[0, 2**64 - 1]],
                  "fp16": [[0.5, -2.0]], "fp32": [[1e-30, 3.5]], "fp64": [[1e-300, 3.5]]}
        kinds = {"fp16": np.float16, "fp32": np.float32, "fp64": np.float64, "bool": np.bool_}
        for kind, rows in values.items():
            with self.subTest(kind):
                sent = np.array(rows, dtype=kinds.get(kind, kind))
                result = self.client.infer(f"identity_{kind}", [self.tensor("INPUT0", sent)])
                np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), sent)

    def test_strings(self):
        numbers = np.array([[str(i).encode() for i in range(16)]], dtype=np.object_)
        result = self.client.infer("simple_string", [self.tensor("INPUT0", numbers), self.tensor("INPUT1", numbers)])
        self.assertEqual([int(text) for text in result.as_numpy("OUTPUT0")[0]], [2 * i for i in range(16)])
        odd = np.array([["".encode(), "grüße".encode(), b"\x00\xff"]], dtype=np.object_)
        result = self.client.infer("simple_identity", [self.tensor("INPUT0", odd)])
        self.assertEqual(list(result.as_numpy("OUTPUT0")[0]), list(odd[0]))

    def test_classes(self):
        scores = self.tensor("X", np.array([[0.1, 0.7, 0.2, 0.6]], dtype=np.float32))
        result = self.client.infer("labelled", [scores], outputs=[self.requested("SCORES", class_count=2)])
        self.assertEqual([text.decode().split(":")[1:] for text in result.as_numpy("SCORES")[0]], [["1", "dog"], ["3", "fish"]])

    def test_an_ensemble(self):
        result = self.client.infer("chain", [self.tensor("A", ROW), self.tensor("B", TEN)])
        np.testing.assert_array_equal(result.as_numpy("SUM"), ROW + TEN)
        np.testing.assert_array_equal(result.as_numpy("DIFF"), ROW - TEN)

    def test_versions(self):
        ask = lambda version: self.client.infer("versioned", [self.tensor("X", np.ones((1, 1), np.float32))], model_version=version)
        self.assertEqual(ask("1").as_numpy("Y")[0, 0], 1)
        self.assertEqual(ask("3").as_numpy("Y")[0, 0], 3)
        self.assertEqual(ask("").as_numpy("Y")[0, 0], 3)
        with self.assertRaisesRegex(InferenceServerException, "version"):
            ask("2")

    def test_parameters_priority_and_timeout(self):
        x = [self.tensor("X", np.ones((1, 2), np.float32))]
        result = self.client.infer("priorities", x, priority=1, timeout=5_000_000, parameters={"flavour": "plain", "n": 3})
        np.testing.assert_array_equal(result.as_numpy("Y"), np.ones((1, 2)))

    def test_a_sequence(self):
        totals = []
        for i, value in enumerate((11, 7, 5)):
            result = self.client.infer("accumulate", [self.tensor("INPUT", np.array([[value]], np.int32))],
                                       sequence_id=self.sequence, sequence_start=i == 0, sequence_end=i == 2)
            totals.append(int(result.as_numpy("OUTPUT")[0, 0]))
        self.assertEqual(totals, [11, 18, 23])

    def test_mistakes_are_told(self):
        with self.assertRaisesRegex(InferenceServerException, "unknown model: 'nobody' is not found"):
            self.client.infer("nobody", self.sum_inputs())
        with self.assertRaisesRegex(InferenceServerException, "unexpected shape for input 'INPUT1' for model 'simple'"):
            self.client.infer("simple", self.sum_inputs(second=TEN[:, :4]))
        with self.assertRaisesRegex(InferenceServerException, "expected 2 inputs but got 1 inputs for model 'simple'"):
            self.client.infer("simple", self.sum_inputs()[:1])

    def test_statistics_count(self):
        before = self.statistics("identity_int16")
        for _ in range(3):
            self.client.infer("identity_int16", [self.tensor("INPUT0", np.array([[1, 2]], np.int16))])
        if server is None:
            time.sleep(0.5)  # a real Triton counts after it has answered
        after = self.statistics("identity_int16")
        self.assertEqual(after["success"] - before["success"], 3)
        self.assertEqual(after["fail"], before["fail"])

    def test_models_come_and_go(self):
        x = [self.tensor("X", np.ones((1, 2), np.float32))]
        self.client.unload_model("ordered")
        with self.assertRaises(InferenceServerException):
            self.client.infer("ordered", x)
        # A real Triton answers before the model is gone.
        index = self.as_json(self.client.get_model_repository_index())
        states = {entry["name"]: entry.get("state") for entry in (index["models"] if isinstance(index, dict) else index)}
        self.assertIn(states["ordered"], ("UNAVAILABLE", "UNLOADING"))
        self.client.load_model("ordered")
        self.assertEqual(self.client.infer("ordered", x).as_numpy("Y")[0, 0], 1)

    def test_a_model_is_loaded_with_another_config(self):
        config = self.config("fixed")
        config["max_batch_size"] = 2
        self.client.load_model("fixed", config=json.dumps(config))
        self.assertEqual(self.config("fixed")["max_batch_size"], 2)
        # As long as its files stay the same, loading it again would change nothing.
        self.client.unload_model("fixed")
        self.client.load_model("fixed")
        self.assertEqual(self.config("fixed")["max_batch_size"], 4)

    def test_tensors_in_shared_memory(self):
        size, names = ROW.nbytes, (f"clients_in_{self.sequence}", f"clients_out_{self.sequence}")
        regions = [shared_memory.create_shared_memory_region(name, f"/{name}", 2 * size) for name in names]
        try:
            shared_memory.set_shared_memory_region(regions[0], [ROW, TEN])
            for name in names:
                self.client.register_system_shared_memory(name, f"/{name}", 2 * size)
            inputs, outputs = self.sum_inputs(), [self.requested(f"OUTPUT{i}") for i in range(2)]
            for i in range(2):
                inputs[i].set_shared_memory(names[0], size, i * size)
                outputs[i].set_shared_memory(names[1], size, i * size)
            self.client.infer("simple", inputs, outputs=outputs)
            both = shared_memory.get_contents_as_numpy(regions[1], np.int32, [2, 16])
            np.testing.assert_array_equal(both[0], (ROW + TEN)[0])
            np.testing.assert_array_equal(both[1], (ROW - TEN)[0])
            for name in names:
                self.client.unregister_system_shared_memory(name)
        finally:
            for region in regions:
                shared_memory.destroy_shared_memory_region(region)

    def test_settings_of_log_and_trace(self):
        self.assertEqual(self.as_json(self.client.update_log_settings({"log_verbose_level": 1})), self.settings())
        self.client.update_log_settings({"log_verbose_level": 0})
        self.assertIn("trace_level", self.settings(self.client.get_trace_settings()))

    def test_asyncio(self):
        async def ask():
            async with self.aio.InferenceServerClient(self.url()) as client:
                self.assertTrue(await client.is_model_ready("simple"))
                return await asyncio.gather(*(client.infer("simple", self.sum_inputs(second=TEN * i)) for i in range(20)))
        for i, result in enumerate(asyncio.run(ask())):
            self.check_sum(result, second=TEN * i)


class OverHttp(BothProtocols, unittest.TestCase):
    triton, aio, sequence = tritonclient.http, tritonclient.http.aio, 4001

    def url(self):
        return f"127.0.0.1:{ports[0]}"

    def as_json(self, answer):
        return answer

    def config(self, model):
        return self.client.get_model_config(model)

    def settings(self, answer=None):
        return answer if answer is not None else self.client.get_log_settings()

    def test_answers_to_async_calls(self):
        client = self.triton.InferenceServerClient(self.url(), concurrency=4)
        self.addCleanup(client.close)
        waiting = [client.async_infer("simple", self.sum_inputs(second=TEN * i)) for i in range(20)]
        for i, request in enumerate(waiting):
            self.check_sum(request.get_result(timeout=TIMEOUT_S), second=TEN * i)

    def test_tensors_as_json(self):
        inputs = [self.tensor(f"INPUT{i}", values, binary_data=False) for i, values in enumerate((ROW, TEN))]
        outputs = [self.requested(f"OUTPUT{i}", binary_data=False) for i in range(2)]
        self.check_sum(self.client.infer("simple", inputs, outputs=outputs))

    def test_compression(self):
        for sent in (None, "gzip", "deflate"):
            for wanted in (None, "gzip", "deflate"):
                with self.subTest(sent=sent, wanted=wanted):
                    self.check_sum(self.client.infer("simple", self.sum_inputs(), request_compression_algorithm=sent,
                                                     response_compression_algorithm=wanted))


class OverGrpc(BothProtocols, unittest.TestCase):
    triton, aio, sequence = tritonclient.grpc, tritonclient.grpc.aio, 4002

    def url(self):
        return f"127.0.0.1:{ports[1]}"

    def as_json(self, answer):
        return json_format.MessageToDict(answer, preserving_proto_field_name=True)

    def config(self, model):
        return self.client.get_model_config(model, as_json=True)["config"]

    def settings(self, answer=None):
        return self.as_json(answer if answer is not None else self.client.get_log_settings()).get("settings")

    def test_settings_of_log_and_trace(self):
        changed = self.as_json(self.client.update_log_settings({"log_verbose_level": 1}))
        self.assertEqual(changed["settings"], self.settings())
        self.client.update_log_settings({"log_verbose_level": 0})
        self.assertIn("trace_level", self.settings(self.client.get_trace_settings()))

    def test_answers_to_async_calls(self):
        answers = queue.Queue()
        for i in range(20):
            self.client.async_infer("simple", self.sum_inputs(second=TEN * i), request_id=str(i),
                                    callback=lambda result, error: answers.put((result, error)))
        for _ in range(20):
            result, error = answers.get(timeout=TIMEOUT_S)
            self.assertIsNone(error)
            self.check_sum(result, second=TEN * int(result.get_response().id))

    def test_a_stream(self):
        answers = queue.Queue()
        self.client.start_stream(lambda result, error: answers.put((result, error)))
        for i in range(20):
            self.client.async_stream_infer("simple", self.sum_inputs(second=TEN * i), request_id=str(i))
        for i in range(20):
            result, error = answers.get(timeout=TIMEOUT_S)
            self.assertIsNone(error)
            self.check_sum(result, second=TEN * int(result.get_response().id))
        self.client.async_stream_infer("nobody", self.sum_inputs())
        _, error = answers.get(timeout=TIMEOUT_S)
        self.assertIn("unknown model: 'nobody' is not found", str(error))
        self.client.stop_stream()

    def test_a_sequence_in_a_stream_of_asyncio(self):
        async def requests():
            for i, value in enumerate((1, 2, 3)):
                yield {"model_name": "accumulate", "inputs": [self.tensor("INPUT", np.array([[value]], np.int32))],
                       "sequence_id": 5001, "sequence_start": i == 0, "sequence_end": i == 2}

        async def ask():
            async with self.aio.InferenceServerClient(self.url()) as client:
                return [(int(result.as_numpy("OUTPUT")[0, 0]), error) async for result, error in client.stream_infer(requests())]
        self.assertEqual(asyncio.run(ask()), [(1, None), (3, None), (6, None)])

    def test_compression(self):
        for algorithm in ("gzip", "deflate"):
            self.check_sum(self.client.infer("simple", self.sum_inputs(), compression_algorithm=algorithm))

    def test_a_clients_deadline(self):
        self.check_sum(self.client.infer("simple", self.sum_inputs(), client_timeout=TIMEOUT_S))


if __name__ == "__main__":
    unittest.main()
