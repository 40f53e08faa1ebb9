# SPDX-License-Identifier: Apache-2.0
"""Triton's extensions over HTTP, on the real program: shared memory with a client that behaves and one that does not, generate,
log settings."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np

from neso_server import ROOT, Server, TemporaryRepository, some_encoder

try:
    from tritonclient.utils import shared_memory as stock
except ImportError:
    stock = None

MODELS = ("simple", "identity_string", "identity_fp32", "identity_fp16", "fixed")


def setUpModule():
    global server, repository
    repository = TemporaryRepository()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / "tests/conformance/triton/make_models.py", f"{folder}/all"], check=True)
        for name in MODELS:
            shutil.copytree(f"{folder}/all/{name}", repository.path / name)
    repository.add_folder("minilm", some_encoder())
    server = Server(repository.path)


def tearDownModule():
    server.stop()
    repository.__exit__()


def tensor(name, **parameters):
    return {"name": name, "shape": [1, 16], "datatype": "INT32", "parameters": parameters}


def output(name, **parameters):
    return {"name": name, "parameters": parameters}


def at(region, offset, size):
    return {"shared_memory_region": region, "shared_memory_offset": offset, "shared_memory_byte_size": size}


class SharedMemory(unittest.TestCase):
    def setUp(self):
        self.path = pathlib.Path(f"/dev/shm/neso_test_{os.getpid()}")
        self.first, self.second = np.arange(16, dtype="<i4"), np.full(16, 100, dtype="<i4")
        self.path.write_bytes(self.first.tobytes() + self.second.tobytes() + bytes(4096))

    def tearDown(self):
        server.request("POST", "/v2/systemsharedmemory/unregister")
        self.path.unlink(missing_ok=True)

    def register(self, name, size, offset=0):
        body = {"key": f"/{self.path.name}", "offset": offset, "byte_size": size}
        return server.request("POST", f"/v2/systemsharedmemory/region/{name}/register", body)

    def add(self):
        """INPUT0 and INPUT1 out of the region, their sum into it at 128 and their difference at 203."""
        return server.infer("simple", [tensor("INPUT0", **at("r", 0, 64)), tensor("INPUT1", **at("r", 64, 64))],
                            outputs=[output("OUTPUT0", **at("r", 128, 64)), output("OUTPUT1", **at("r", 203, 64))])

    def test_tensors_go_through_a_region_and_not_through_the_body(self):
        self.assertEqual(self.register("r", 512).status, 200)
        answer = self.add()
        self.assertEqual(answer.status, 200, answer.body)
        for written in answer.json()["outputs"]:
            self.assertEqual(set(written), {"name", "datatype", "shape"})
        content = self.path.read_bytes()
        np.testing.assert_array_equal(np.frombuffer(content, "<i4", 16, 128), self.first + self.second)
        np.testing.assert_array_equal(np.frombuffer(content, "<i4", 16, 203), self.first - self.second)

    def test_a_client_that_cuts_its_object_hurts_only_itself(self):
        self.assertEqual(self.register("r", 4096).status, 200)
        os.truncate(self.path, 150)
        answer = self.add()
        self.assertEqual(answer.status, 400)
        self.assertIn("which has only 150 bytes now", answer.json()["error"])
        os.truncate(self.path, 10)
        self.assertEqual(self.add().status, 400)
        self.assertEqual(self.path.stat().st_size, 10)
        self.assertEqual(server.get("/v2/health/live").status, 200)

    def test_cutting_and_growing_under_running_requests_never_ends_the_server(self):
        self.assertEqual(self.register("r", 4096).status, 200)
        stop = threading.Event()

        def flap():
            while not stop.is_set():
                os.truncate(self.path, 0)
                os.truncate(self.path, 8192)

        flapping = threading.Thread(target=flap)
        flapping.start()
        try:
            statuses = {self.add().status for _ in range(200)}
        finally:
            stop.set()
            flapping.join()
        self.assertLessEqual(statuses, {200, 400})
        os.truncate(self.path, 8192)
        self.assertEqual(self.add().status, 200)

    def test_strings_and_halves_pass_too(self):
        self.assertEqual(self.register("r", 512).status, 200)
        with open(self.path, "r+b") as memory:
            memory.write(b"\3\0\0\0abc")
        answer = server.infer("identity_string", [{"name": "INPUT0", "shape": [1, 1], "datatype": "BYTES", "parameters": at("r", 0, 7)}],
                              outputs=[output("OUTPUT0", **at("r", 100, 32))])
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.path.read_bytes()[100:107], b"\3\0\0\0abc")
        half = np.array([1.5, -2], dtype="<f2").tobytes()
        with open(self.path, "r+b") as memory:
            memory.write(half)
        answer = server.infer("identity_fp16", [{"name": "INPUT0", "shape": [1, 2], "datatype": "FP16", "parameters": at("r", 0, 4)}],
                              outputs=[output("OUTPUT0", **at("r", 4, 4))])
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.path.read_bytes()[4:8], half)

    @unittest.skipIf(stock is None, "tritonclient is not installed")
    def test_the_stock_clients_regions_work(self):
        key = f"/neso_stock_{os.getpid()}"
        region = stock.create_shared_memory_region("stock", key, 256)
        try:
            stock.set_shared_memory_region(region, [self.first, self.second])
            registered = server.request("POST", "/v2/systemsharedmemory/region/stock/register", {"key": key, "byte_size": 256})
            self.assertEqual(registered.status, 200, registered.body)
            answer = server.infer("simple", [tensor("INPUT0", **at("stock", 0, 64)), tensor("INPUT1", **at("stock", 64, 64))],
                                  outputs=[output("OUTPUT0", **at("stock", 128, 64))])
            self.assertEqual(answer.status, 200, answer.body)
            np.testing.assert_array_equal(stock.get_contents_as_numpy(region, np.int32, [16], 128), self.first + self.second)
        finally:
            stock.destroy_shared_memory_region(region)

    def test_clients_register_nothing_where_the_option_says_so(self):
        with TemporaryRepository() as empty, Server(empty.path, "--allow-client-shm=false", "--exit-on-error=false") as closed:
            body = {"key": f"/{self.path.name}", "byte_size": 64}
            refused = closed.request("POST", "/v2/systemsharedmemory/region/r/register", body)
            self.assertEqual(refused.status, 501)
            self.assertIn("--allow-client-shm=true", refused.json()["error"])
            self.assertEqual(closed.request("POST", "/v2/cudasharedmemory/unregister").status, 501)
            self.assertEqual(closed.get("/v2/systemsharedmemory/status").json(), [])


class Restrictions(unittest.TestCase):
    def test_restricted_apis_need_their_header(self):
        restriction = "--http-restricted-api=model-repository,trace:admin-key=secret"
        with TemporaryRepository() as empty, Server(empty.path, restriction, "--exit-on-error=false") as closed:
            refused = closed.request("POST", "/v2/repository/index")
            self.assertEqual(refused.status, 403)
            self.assertEqual(refused.json(), {"error": "This API is restricted, expecting header 'admin-key'"})
            self.assertEqual(closed.request("GET", "/v2/trace/setting", headers={"admin-key": "wrong"}).status, 403)
            self.assertEqual(closed.request("GET", "/v2/trace/setting", headers={"Admin-Key": "secret"}).status, 200)
            self.assertEqual(closed.get("/v2").status, 200)


class Generate(unittest.TestCase):
    def generate(self, model, members, route="generate", headers=None):
        return server.request("POST", f"/v2/models/{model}/{route}", members, headers)

    def test_a_flat_object_in_and_out(self):
        answer = self.generate("identity_string", {"INPUT0": "hello", "temperature": 0.5, "id": "q"})
        self.assertEqual(answer.json(), {"OUTPUT0": "hello", "id": "q", "model_name": "identity_string", "model_version": "1"})
        self.assertEqual(answer.headers["content-type"], "application/json")
        answer = self.generate("identity_fp32/versions/1", {"INPUT0": [0.1, 2]})
        self.assertEqual(answer.json()["OUTPUT0"], [float(np.float32(0.1)), 2.0])

    def test_a_stream_has_one_event(self):
        answer = self.generate("identity_string", {"INPUT0": ["a\nb", "c"]}, "generate_stream")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual(answer.body, b'data: {"OUTPUT0":["a\\nb","c"],"model_name":"identity_string","model_version":"1"}\n\n')

    def test_a_text_is_all_that_an_encoder_needs(self):
        (wanted,) = server.embed("minilm", ["hello"])
        members = self.generate("minilm", {"text": "hello"}).json()
        (vector,) = [value for value in members.values() if isinstance(value, list)]
        np.testing.assert_allclose(vector, wanted, rtol=1e-6)

    def test_refusals_come_as_json_in_both_forms(self):
        for route in ("generate", "generate_stream"):
            for model, members, headers, status, sentence in (
                    ("nope", {}, None, 404, "Request for unknown model: 'nope' is not found"),
                    ("simple", {"INPUT0": [1]}, None, 400, "The schema can not convert input 'INPUT0' to tensor with proper shape"),
                    ("identity_string", {"INPUT0": "x"}, {"Content-Encoding": "gzip"}, 400, "Unsupported content-encoding, only 'identity' is supported."),
                    ("fixed", {"X": [1] * 30}, None, 400, "[request id: <id_unknown>] inference request batch-size must be <= 4 for 'fixed'")):
                answer = self.generate(model, members, route, headers)
                self.assertEqual((answer.status, answer.json()["error"]), (status, sentence))
                self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(server.get("/v2/models/simple/generate").status, 405)


class Logging(unittest.TestCase):
    def tearDown(self):
        server.request("POST", "/v2/logging", {"log_error": True, "log_warning": True, "log_verbose_level": 0, "log_format": "default"})

    def test_settings_change_while_the_server_runs(self):
        before = server.get("/v2/logging").json()
        self.assertEqual(before, {"log_file": "", "log_info": True, "log_warning": True, "log_error": True,
                                  "log_verbose_level": 0, "log_format": "default"})
        changed = server.request("POST", "/v2/logging", {"log_warning": False, "log_verbose_level": 1, "log_format": "ISO8601"})
        self.assertEqual(changed.status, 200)
        self.assertEqual(changed.json(), {**before, "log_warning": False, "log_verbose_level": 1, "log_format": "ISO8601"})
        self.assertEqual(server.get("/v2/logging").json(), changed.json())

    def test_the_file_is_no_clients_business(self):
        refused = server.request("POST", "/v2/logging", {"log_file": "/tmp/elsewhere"})
        self.assertEqual((refused.status, refused.json()["error"]),
                         (501, "log file location can not be updated through network protocol"))
        self.assertEqual(server.request("DELETE", "/v2/logging").status, 405)


if __name__ == "__main__":
    unittest.main()
