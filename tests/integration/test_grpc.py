# SPDX-License-Identifier: Apache-2.0
"""gRPC on the real program, asked by Triton's own Python client."""

import asyncio
import os
import pathlib
import queue
import re
import subprocess
import tempfile
import threading
import time
import unittest

import grpc
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from neso_server import MINILM, MODELS, ROOT, Server, TemporaryRepository
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException, shared_memory

ONNX = ROOT / "tests/data/onnx"
MODEL = "all-minilm-l6-v2"


def text_input(*texts):
    tensor = triton.InferInput("text", [len(texts), 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[text.encode()] for text in texts], dtype=np.object_))
    return tensor


def sum_inputs(value=1):
    tensors = []
    for name in ("INPUT0", "INPUT1"):
        tensor = triton.InferInput(name, [1, 16], "INT32")
        tensor.set_data_from_numpy(np.full((1, 16), value, dtype=np.int32))
        tensors.append(tensor)
    return tensors


def runs_out_of_memory():
    """A graph that makes as many values as its input says."""
    graph = helper.make_graph([helper.make_node("ConstantOfShape", ["SHAPE"], ["Y"])], "graph",
                              [helper.make_tensor_value_info("SHAPE", TensorProto.INT64, [1])],
                              [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["n"])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class StockClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        cls.repository.add_folder(MODEL, MINILM)
        cls.repository.add("simple", files=[("model.onnx", ONNX / "simple.onnx")])
        cls.repository.add("hungry", config="max_batch_size: 0\n", files=[("model.onnx", runs_out_of_memory())])
        cls.server = Server(cls.repository.path)
        cls.client = triton.InferenceServerClient(f"127.0.0.1:{cls.server.grpc_port}")

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.stop()
        cls.repository.__exit__()

    def test_health_and_metadata(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready(MODEL))
        self.assertFalse(self.client.is_model_ready("nobody"))
        self.assertEqual(self.client.get_server_metadata().name, "triton")
        metadata = self.client.get_model_metadata("simple", as_json=True)
        self.assertEqual(metadata["inputs"][0], {"name": "INPUT0", "datatype": "INT32", "shape": ["-1", "16"]})
        self.assertEqual(self.client.get_model_config("simple").config.backend, "onnxruntime")
        names = [model.name for model in self.client.get_model_repository_index().models]
        self.assertEqual(sorted(names), sorted([MODEL, "simple", "hungry"]))

    def test_metadata_and_config_are_those_of_http(self):
        for model in (MODEL, "simple"):
            over_http = self.server.get(f"/v2/models/{model}").json()
            over_grpc = self.client.get_model_metadata(model)
            self.assertEqual(over_http["platform"], over_grpc.platform)
            self.assertEqual([tensor["shape"] for tensor in over_http["outputs"]], [list(t.shape) for t in over_grpc.outputs])
            config = self.client.get_model_config(model).config
            self.assertEqual(self.server.get(f"/v2/models/{model}/config").json()["max_batch_size"], config.max_batch_size)

    def test_texts_become_the_vectors_of_http(self):
        texts = ["where is the retry logic", "Zwölf Boxkämpfer 😀"]
        result = self.client.infer(MODEL, [text_input(*texts)], request_id="r1")
        self.assertEqual(result.get_response().id, "r1")
        (name,) = [output.name for output in result.get_response().outputs]
        np.testing.assert_allclose(result.as_numpy(name), np.array(self.server.embed(MODEL, texts)), atol=1e-6)

    def test_statistics_count_what_was_served(self):
        def successes():
            return self.client.get_inference_statistics("simple").model_stats[0].inference_stats.success.count

        before = successes()
        for _ in range(3):
            self.client.infer("simple", sum_inputs())
        self.assertEqual(successes(), before + 3)

    def test_answers_to_async_calls(self):
        answers = queue.Queue()
        for value in range(50):
            self.client.async_infer("simple", sum_inputs(value), callback=lambda result, error: answers.put((result, error)),
                                    request_id=str(value))
        for _ in range(50):
            result, error = answers.get(timeout=60)
            self.assertIsNone(error)
            self.assertEqual(result.as_numpy("OUTPUT0")[0][0], 2 * int(result.get_response().id))

    def test_asyncio(self):
        async def main():
            async with triton_aio.InferenceServerClient(f"127.0.0.1:{self.server.grpc_port}") as client:
                results = await asyncio.gather(*(client.infer("simple", sum_inputs(value)) for value in range(20)))
                self.assertEqual([int(result.as_numpy("OUTPUT0")[0][0]) for result in results], [2 * v for v in range(20)])

        asyncio.run(main())

    def test_a_stream_with_a_mistake_in_it(self):
        answers = queue.Queue()
        with triton.InferenceServerClient(f"127.0.0.1:{self.server.grpc_port}") as client:
            client.start_stream(callback=lambda result, error: answers.put((result, error)))
            client.async_stream_infer(MODEL, [text_input("a much slower request than the next")], request_id="0")
            client.async_stream_infer("simple", sum_inputs()[:1], request_id="1")
            client.async_stream_infer("nobody", sum_inputs(), request_id="2")
            client.async_stream_infer("simple", sum_inputs(), request_id="3")
            got = [answers.get(timeout=60) for _ in range(4)]
            client.stop_stream()
        self.assertEqual(got[0][0].get_response().id, "0")
        self.assertTrue(got[0][0].get_response().parameters["triton_final_response"].bool_param)
        self.assertIn("[request id: 1] expected 2 inputs but got 1 inputs", str(got[1][1]))
        self.assertIn("Request for unknown model: 'nobody' is not found", str(got[2][1]))
        self.assertEqual(got[3][0].get_response().id, "3")

    def stream_of_failures(self, headers):
        """Statuses and ids of a stream in which the second request fails while it runs."""
        answers = queue.Queue()
        shape = triton.InferInput("SHAPE", [1], "INT64")
        shape.set_data_from_numpy(np.array([1 << 45], dtype=np.int64))
        with triton.InferenceServerClient(f"127.0.0.1:{self.server.grpc_port}") as client:
            client.start_stream(callback=lambda result, error: answers.put((result, error)), headers=headers)
            client.async_stream_infer("simple", sum_inputs(), request_id="0")
            client.async_stream_infer("hungry", [shape], request_id="1")
            return [answers.get(timeout=60) for _ in range(2)]

    @unittest.skipIf(os.environ.get("BUILT_WITH_SANITIZER"), "a sanitizer ends the process where memory is refused")
    def test_a_failure_in_execution_is_told_in_the_stream(self):
        (_, first), (_, second) = self.stream_of_failures({})
        self.assertIsNone(first)
        self.assertIsNone(second.status())

    @unittest.skipIf(os.environ.get("BUILT_WITH_SANITIZER"), "a sanitizer ends the process where memory is refused")
    def test_triton_grpc_error_ends_the_stream_with_the_true_status(self):
        (_, first), (_, second) = self.stream_of_failures({"triton_grpc_error": "true"})
        self.assertIsNone(first)
        self.assertEqual(second.status(), "StatusCode.INTERNAL")

    def test_tensors_in_the_stock_clients_shared_memory(self):
        key = f"/neso_grpc_{os.getpid()}"
        region = shared_memory.create_shared_memory_region("stock", key, 192)
        try:
            values = np.arange(16, dtype=np.int32)
            shared_memory.set_shared_memory_region(region, [values, values * 2])
            self.client.register_system_shared_memory("stock", key, 192)
            self.assertEqual(self.client.get_system_shared_memory_status("stock").regions["stock"].key, key)
            inputs = sum_inputs()
            for number, tensor in enumerate(inputs):
                tensor.set_shared_memory("stock", 64, 64 * number)
            output = triton.InferRequestedOutput("OUTPUT0")
            output.set_shared_memory("stock", 64, 128)
            answer = self.client.infer("simple", inputs, outputs=[output])
            self.assertEqual(answer.get_output("OUTPUT0").shape, [1, 16])
            self.assertIsNone(answer.get_output("OUTPUT1"))
            np.testing.assert_array_equal(shared_memory.get_contents_as_numpy(region, np.int32, [16], 128), values * 3)
            self.client.unregister_system_shared_memory("stock")
            with self.assertRaisesRegex(InferenceServerException, "Unable to find shared memory region: 'stock'"):
                self.client.infer("simple", inputs, outputs=[output])
        finally:
            shared_memory.destroy_shared_memory_region(region)
        self.assertEqual(len(self.client.get_cuda_shared_memory_status().regions), 0)

    def test_the_logs_settings(self):
        before = self.client.get_log_settings(as_json=True)["settings"]
        changed = self.client.update_log_settings({"log_verbose_level": 1, "log_info": False}, as_json=True)["settings"]
        self.assertEqual(changed["log_verbose_level"], {"uint32_param": 1})
        self.assertEqual(changed["log_info"], {"bool_param": False})
        self.client.update_log_settings({"log_verbose_level": 0, "log_info": True})
        self.assertEqual(self.client.get_log_settings(as_json=True)["settings"], before)
        with self.assertRaisesRegex(InferenceServerException, "log file location can not be updated"):
            self.client.update_log_settings({"log_file": "x"})

    def test_errors_are_tritons(self):
        with self.assertRaises(InferenceServerException) as refused:
            self.client.infer("simple", sum_inputs(), model_version="7")
        self.assertEqual(refused.exception.status(), "StatusCode.NOT_FOUND")
        self.assertEqual(refused.exception.message(), "Request for unknown model: 'simple' version 7 is not found")

    def test_health_of_the_standard_protocol(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}") as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            self.assertEqual(check(b"\x0a\x03any", timeout=60), b"\x08\x01")

    def test_reflection_lists_the_services(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}") as channel:
            info = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
            (answer,) = info(iter([b"\x3a\x00"]), timeout=60)  # list_services
        self.assertIn(b"inference.GRPCInferenceService", answer)
        self.assertIn(b"grpc.health.v1.Health", answer)

    def test_bytes_that_are_no_message(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}") as channel:
            call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            for garbage in (b"\xff\xff\xff", b"\x0a\x7fm", b"\x2b" * 10000):
                with self.assertRaises(grpc.RpcError) as refused:
                    call(garbage, timeout=60)
                self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertTrue(self.client.is_server_live())

    def test_compressed_requests(self):
        for algorithm in ("gzip", "deflate"):
            result = self.client.infer("simple", sum_inputs(), compression_algorithm=algorithm)
            self.assertEqual(result.as_numpy("OUTPUT0")[0][0], 2)


class Cancelling(unittest.TestCase):
    LONG = " ".join(["word"] * 400)

    def test_queued_work_of_clients_that_left_is_dropped(self):
        with Server(MODELS) as server, triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
            busy = [client.async_infer(MODEL, [text_input(*[self.LONG] * 100)], callback=lambda result, error: None)
                    for _ in range(2)]
            while 'nv_inference_exec_count' not in server.metrics():
                time.sleep(0.005)
            ended = queue.Queue()
            waiting = [client.async_infer(MODEL, [text_input("x")], callback=lambda result, error: ended.put(error))
                       for _ in range(5)]
            for call in waiting:
                call.cancel()
            for _ in waiting:
                self.assertEqual(ended.get(timeout=60).status(), "StatusCode.CANCELLED")
            with self.assertRaises(InferenceServerException) as late:
                client.infer(MODEL, [text_input("x")], client_timeout=0.001)
            self.assertEqual(late.exception.status(), "StatusCode.DEADLINE_EXCEEDED")
            for call in busy:
                call.cancel()
            self.assertEqual(server.stop(), 0)


class Control(unittest.TestCase):
    def test_models_come_and_go(self):
        with TemporaryRepository() as repository:
            repository.add("simple", files=[("model.onnx", ONNX / "simple.onnx")])
            with Server(repository.path, "--model-control-mode=explicit") as server:
                with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
                    self.assertFalse(client.is_model_ready("simple"))
                    client.load_model("simple")
                    self.assertEqual(client.infer("simple", sum_inputs()).as_numpy("OUTPUT0")[0][0], 2)
                    client.load_model("other", config='{"max_batch_size": 2}',
                                      files={"file:1/model.onnx": (ONNX / "simple.onnx").read_bytes()})
                    self.assertEqual(client.get_model_config("other").config.max_batch_size, 2)
                    client.unload_model("simple")
                    self.assertFalse(client.is_model_ready("simple"))
                    with self.assertRaises(InferenceServerException) as refused:
                        client.load_model("nobody")
                    self.assertIn("failed to load 'nobody', failed to poll from model repository",
                                  refused.exception.message())


class Stopping(unittest.TestCase):
    def test_what_was_accepted_is_answered(self):
        with Server(MODELS, "--exit-timeout-secs=300") as server:
            client = triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}")
            answers = queue.Queue()
            client.async_infer(MODEL, [text_input(*[Cancelling.LONG] * 30)], callback=lambda result, error: answers.put(error))
            while not re.search(r"^nv_inference_exec_count{.*} [1-9]", server.metrics(), re.MULTILINE):
                time.sleep(0.005)
            server.signal()
            self.assertIsNone(answers.get(timeout=60))
            self.assertEqual(server.stop(None), 0)
            client.close()

    def test_an_idle_client_does_not_hold_up_the_end(self):
        with Server(MODELS) as server:
            client = triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}")
            client.start_stream(callback=lambda result, error: None)
            self.assertTrue(client.is_server_live())
            begun = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - begun, 15)
            client.close()


class Ports(unittest.TestCase):
    def test_grpc_alone_serves(self):
        with Server(MODELS, "--allow-http=false") as server:
            client = triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}")
            self.assertTrue(client.is_model_ready(MODEL))
            client.close()

    def test_no_grpc_when_not_wanted(self):
        with Server(MODELS, "--allow-grpc=false") as server:
            self.assertIsNone(server.grpc_port)
            self.assertNotIn("GRPC", server.log_text().replace("allow-grpc", ""))

    def test_a_restricted_protocol_needs_its_header(self):
        with Server(MODELS, "--grpc-restricted-protocol=metadata,inference:key=secret") as server:
            client = triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}")
            with self.assertRaises(InferenceServerException) as refused:
                client.get_server_metadata()
            self.assertEqual(refused.exception.status(), "StatusCode.UNAVAILABLE")
            self.assertEqual(refused.exception.message(),
                             "This protocol is restricted, expecting header 'triton-grpc-protocol-key'")
            headers = {"triton-grpc-protocol-key": "secret"}
            self.assertEqual(client.get_server_metadata(headers=headers).name, "triton")
            client.infer(MODEL, [text_input("x")], headers=headers)
            client.close()

    def test_compressed_answers(self):
        with Server(MODELS, "--grpc-infer-response-compression-level=high") as server:
            with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
                result = client.infer(MODEL, [text_input("x")])
                self.assertEqual(result.as_numpy(result.get_response().outputs[0].name).shape, (1, 384))


class Tls(unittest.TestCase):
    """Certificates are made on the spot with openssl, which ca-certificates brings."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(cls.folder.name)

        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=path)

        elliptic = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *elliptic, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root", "-days", "2")
        for name in ("server", "client"):
            (path / f"{name}.ext").write_text("subjectAltName=DNS:localhost\n")
            openssl("req", *elliptic, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
                    "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")
        cls.path = path

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def options(self, *more):
        return (f"--grpc-server-cert={self.path}/server.pem", f"--grpc-server-key={self.path}/server.key", *more)

    def client(self, server, **keys):
        return triton.InferenceServerClient(f"localhost:{server.grpc_port}", ssl=True,
                                            root_certificates=str(self.path / "root.pem"), **keys)

    def test_tls(self):
        with Server(MODELS, *self.options("--grpc-use-ssl=true")) as server, self.client(server) as client:
            self.assertTrue(client.is_server_live(client_timeout=60))

    def test_mutual_tls(self):
        options = self.options("--grpc-use-ssl-mutual=true", f"--grpc-root-cert={self.path}/root.pem")
        with Server(MODELS, *options) as server:
            with self.client(server, private_key=str(self.path / "client.key"),
                             certificate_chain=str(self.path / "client.pem")) as client:
                self.assertTrue(client.is_server_live(client_timeout=60))
            with self.client(server) as stranger, self.assertRaises(InferenceServerException):
                stranger.is_server_live(client_timeout=5)

    def test_files_that_do_not_belong_together(self):
        with TemporaryRepository() as repository, self.assertRaises(AssertionError) as failed:
            Server(repository.path, "--grpc-use-ssl=true", f"--grpc-server-cert={self.path}/server.pem",
                   f"--grpc-server-key={self.path}/server.csr")
        self.assertIn("the files of --grpc-server-cert and --grpc-server-key", str(failed.exception))


if __name__ == "__main__":
    unittest.main()
