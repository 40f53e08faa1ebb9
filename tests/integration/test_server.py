# SPDX-License-Identifier: Apache-2.0
"""The running server: its KServe v2 answers, what it says to bad requests, how it starts and how it stops."""

import json
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from neso_server import MINILM, MODELS, NESO, ROOT, Server, TemporaryRepository

MODEL = "all-minilm-l6-v2"
DATA = ROOT / "tests/data/onnx"


def text_input(*texts):
    return [{"name": "text", "datatype": "BYTES", "shape": [len(texts), 1], "data": list(texts)}]


def ids_input(rows, name="input_ids", datatype="INT64"):
    return {"name": name, "datatype": datatype, "shape": [len(rows), len(rows[0])], "data": [i for row in rows for i in row]}


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(MODELS)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def assert_refused(self, answer, status, *words):
        self.assertEqual(answer.status, status, answer.body)
        sentence = answer.json()["error"]
        for word in words:
            self.assertIn(word, sentence)
        self.assertLess(len(answer.body), 1024)
        self.assertNotIn(str(ROOT), sentence)

    def test_server_metadata(self):
        metadata = self.server.get("/v2").json()
        self.assertEqual(metadata["name"], "triton")
        self.assertIn("binary_tensor_data", metadata["extensions"])

    def test_paths_and_methods_that_are_not_there(self):
        self.assertEqual(self.server.get("/v2/health").status, 404)
        self.assertEqual(self.server.get("/v2/health/live/").status, 404)
        answer = self.server.request("POST", "/v2/health/live")
        self.assertEqual((answer.status, answer.body), (405, b'{"error":"Method Not Allowed"}'))
        self.assert_refused(self.server.get("/v2/models/none"), 404, "Request for unknown model: 'none' is not found")
        self.assert_refused(self.server.get(f"/v2/models/{MODEL}/versions/9"), 404, "version 9 is not found")
        self.assertEqual(self.server.get(f"/v2/models/{MODEL}/versions/x").status, 404)
        self.assert_refused(self.server.get("/v2/models/..%2f..%2fetc/versions/1/config"), 404, "unknown model")

    def test_config_and_index(self):
        config = self.server.get(f"/v2/models/{MODEL}/config").json()
        self.assertEqual(config["name"], MODEL)
        self.assertEqual(self.server.request("POST", "/v2/repository/index").json(),
                         [{"name": MODEL, "version": "1", "state": "READY"}])
        self.assertEqual(self.server.request("POST", "/v2/repository/index", {"ready": True}).status, 200)
        self.assert_refused(self.server.request("POST", "/v2/repository/index", {"ready": 1}), 400, "expected a boolean")

    def test_the_id_is_echoed_and_outputs_are_chosen(self):
        answer = self.server.infer(MODEL, text_input("hello"), id="a-1", outputs=[{"name": "embeddings"}])
        self.assertEqual(answer.status, 200, answer.body)
        body = answer.json()
        self.assertEqual((body["id"], body["model_name"], body["model_version"]), ("a-1", MODEL, "1"))
        self.assert_refused(self.server.infer(MODEL, text_input("hello"), outputs=[{"name": "none"}]), 400,
                            f"unexpected inference output 'none' for model '{MODEL}'")

    def test_binary_tensors_both_ways(self):
        text = "hello".encode()
        header = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1, 1],
                                         "parameters": {"binary_data_size": 4 + len(text)}}],
                             "outputs": [{"name": "embeddings", "parameters": {"binary_data": True}}]}).encode()
        body = header + struct.pack("<I", len(text)) + text
        answer = self.server.request("POST", f"/v2/models/{MODEL}/infer", body,
                                     {"Inference-Header-Content-Length": str(len(header))})
        self.assertEqual(answer.status, 200, answer.body)
        size = int(answer.headers["inference-header-content-length"])
        floats = struct.unpack("<384f", answer.body[size:])
        (expected,) = self.server.embed(MODEL, ["hello"])
        self.assertEqual([struct.unpack("<f", struct.pack("<f", x))[0] for x in expected], list(floats))

    def test_bad_binary_requests(self):
        def post(header, tail, length=None):
            text = json.dumps(header).encode()
            return self.server.request("POST", f"/v2/models/{MODEL}/infer", text + tail,
                                       {"Inference-Header-Content-Length": str(len(text) if length is None else length)})

        def ids(size):
            return {"inputs": [{"name": "input_ids", "datatype": "INT64", "shape": [1, 2], "parameters": {"binary_data_size": size}}]}

        self.assert_refused(post(ids(16), b"1234"), 400, "expecting 12 additional bytes")
        self.assert_refused(post(ids(16), bytes(20)), 400, "unexpected additional input data")
        self.assert_refused(post(ids(8), bytes(8)), 400, "byte size mismatch", "16", "8")
        for length in ("-1", "1e3", "18446744073709551616", "999999", ""):
            self.assertEqual(post(ids(16), bytes(16), length).status, 400, length)
        elements = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1, 1], "parameters": {"binary_data_size": 6}}]}
        for tail in (b"\xff\xff\xff\xffab", b"\x09\0\0\0ab", b"\x02\0\0\0ab"[:6], b"\0\0\0\0\0\0"):
            self.assertIn(post(elements, tail).status, (200, 400), tail)
        self.assert_refused(post(elements, b"\xff\xff\xff\xffab"), 400, "incomplete string data")

    def test_bad_ids_masks_and_shapes(self):
        infer = lambda *inputs: self.server.infer(MODEL, list(inputs))
        self.assert_refused(infer(ids_input([[101, 30522, 102]])), 400, "30522")
        self.assert_refused(infer(ids_input([[101, -1, 102]])), 400, "-1")
        self.assert_refused(infer(ids_input([[101, -2**63, 102]])), 400)
        self.assert_refused(infer(ids_input([[101, 5, 102]]), ids_input([[1, 2, 1]], "attention_mask")), 400, "mask")
        self.assert_refused(infer(ids_input([[101, 5, 102]]), ids_input([[0, 0, 0]], "attention_mask")), 400, "mask")
        self.assert_refused(infer(ids_input([[101, 5, 102]]), ids_input([[1, 1]], "attention_mask")), 400)
        self.assert_refused(infer(ids_input([[101, 5, 102]]), ids_input([[0, 5, 0]], "token_type_ids")), 400, "5")
        self.assert_refused(infer(ids_input([[101] * 600])), 400, "512 tokens")
        self.assert_refused(infer(ids_input([[101.5, 5, 102]])), 400, "101.5", "INT64")
        self.assert_refused(infer(ids_input([[101, 5, 102]], datatype="INT32")), 400, "data-type is 'INT32'")
        self.assert_refused(infer(ids_input([[101, 5, 102]], name="ids")), 400)
        self.assert_refused(self.server.infer(MODEL, []), 400)
        for shape in ([-1, 3], [0, 3], [1, 0], [9223372036854775807, 2], [1] * 65, ["1"], [1.5], [1, 4], []):
            tensor = {"name": "input_ids", "datatype": "INT64", "shape": shape, "data": [101, 5, 102]}
            self.assertEqual(infer(tensor).status, 400, shape)

    def test_one_bad_text_has_a_sentence(self):
        self.assertEqual(self.server.infer(MODEL, text_input("")).status, 200)
        self.assertEqual(self.server.infer(MODEL, text_input("x" * 1_000_000)).status, 200)
        self.assertEqual(self.server.infer(MODEL, text_input("word " * 200_000)).status, 200)
        bad_utf8 = b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1,1],"data":["\xff\xfe"]}]}'
        self.assert_refused(self.server.request("POST", f"/v2/models/{MODEL}/infer", bad_utf8), 400, "encoding", "at 68")

    def test_bad_json(self):
        for body in (b"", b"null", b"[]", b"{}{}", b"{", b"[" * 1_000_000, b'{"inputs":[}', b'\xef\xbb\xbf{"inputs":[{"name":"text","datatype":"BYTES","shape":[1,1],"data":["a"]}]}',
                     b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1,1],"data":["\\ud800"]}]}'):
            answer = self.server.request("POST", f"/v2/models/{MODEL}/infer", body)
            self.assertEqual(answer.status, 400, body[:40])
            self.assertTrue(answer.json()["error"])

    def test_a_hundred_clients_at_once(self):
        (expected,) = self.server.embed(MODEL, ["the same text"])
        results = []

        def client(number):
            texts = ["the same text", f"client {number}"]
            results.append(self.server.embed(MODEL, texts)[0] == expected)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [True] * 100)

    def test_a_client_that_leaves_midway_disturbs_nobody(self):
        body = json.dumps({"inputs": text_input("leaving " * 50)}).encode()
        head = f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        whole = head + body
        for cut in (1, len(head) - 2, len(head), len(head) + 20, len(whole)):
            with socket.create_connection(("127.0.0.1", self.server.http_port)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(whole[:cut])
        self.assertEqual(self.server.infer(MODEL, text_input("still here")).status, 200)

    def test_metrics(self):
        self.server.embed(MODEL, ["count me"])
        text = self.server.metrics()
        for family in ("nv_inference_request_success", "nv_inference_count", "nv_inference_exec_count",
                       "nv_inference_request_duration_us", "nv_inference_queue_duration_us",
                       "nv_inference_compute_infer_duration_us", "nv_inference_pending_request_count", "neso_tokens_total"):
            self.assertIn(f"# TYPE {family} ", text)
        self.assertEqual(self.server.request("GET", "/other", port=self.server.metrics_port).body, b"")


class Starting(unittest.TestCase):
    def run_serve(self, *options):
        return subprocess.run([NESO, "serve", *options], capture_output=True, text=True, timeout=120)

    def assert_fails(self, run, *words):
        self.assertEqual(run.returncode, 1, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)

    def test_usage_errors_exit_with_1_and_help(self):
        self.assert_fails(self.run_serve("--http-prot=8000", "--model-repository=x"), "--http-prot", "--http-port")
        self.assert_fails(self.run_serve("--http-port=70000", "--model-repository=x"), "http-port", "70000")
        self.assert_fails(self.run_serve(), "--model-repository must be specified")
        help_text = subprocess.run([NESO.with_name("tritonserver"), "--help"], capture_output=True, text=True)
        self.assertEqual((help_text.returncode, help_text.stdout), (1, ""))
        help_text = self.run_serve("--help")
        self.assertEqual((help_text.returncode, help_text.stderr), (0, ""))
        self.assertIn("--model-repository", help_text.stdout)

    def test_repositories_that_are_none(self):
        self.assert_fails(self.run_serve("--model-repository=/no/such/folder"), "/no/such/folder")
        self.assert_fails(self.run_serve(f"--model-repository={ROOT}/README.md"), "README.md")

    def test_an_empty_repository_serves(self):
        with TemporaryRepository() as repository, Server(repository.path) as server:
            self.assertEqual(server.get("/v2/health/ready").status, 200)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("0.0.0.0", 0)) as taken, TemporaryRepository() as repository:
            port = taken.getsockname()[1]
            run = self.run_serve(f"--model-repository={repository.path}", f"--http-port={port}", "--metrics-port=0")
            self.assert_fails(run, f"Socket '0.0.0.0:{port}' already in use")

    def test_one_broken_model_beside_a_good_one(self):
        with TemporaryRepository() as repository:
            repository.add_folder("good", MINILM)
            repository.add("typo", config='name: "typo"\nmax_batch_sise: 4\n', files=[("model.onnx", b"x")])
            repository.add("cut", files=[("model.onnx", b"\x08\x07")])
            (repository.path / "empty" / "1").mkdir(parents=True)
            (repository.path / "none").mkdir()
            run = self.run_serve(f"--model-repository={repository.path}", "--http-port=0", "--metrics-port=0")
            self.assert_fails(run, "failed to load all models", "config.pbtxt:2:", "max_batch_sise")
            with Server(repository.path, "--exit-on-error=false", "--strict-readiness=false") as server:
                self.assertEqual(len(server.embed("good", ["a text"])[0]), 384)
                self.assertEqual(server.get("/v2/health/ready").status, 200)
                index = {entry["name"]: entry for entry in server.request("POST", "/v2/repository/index").json()}
                self.assertEqual(index["good"]["state"], "READY")
                self.assertEqual(index["cut"]["state"], "UNAVAILABLE")
                self.assertTrue(index["cut"]["reason"])
                self.assertNotIn(str(repository.path), json.dumps(index))
            with Server(repository.path, "--exit-on-error=false") as server:
                self.assertEqual(server.get("/v2/health/ready").status, 400)
                self.assertEqual(server.get("/v2/health/live").status, 200)

    def test_two_repositories_with_one_model_name(self):
        with TemporaryRepository() as one, TemporaryRepository() as two:
            one.add_folder("same", MINILM)
            two.add_folder("same", MINILM)
            two.add_folder("other", MINILM)
            with Server(one.path, f"--model-repository={two.path}", "--exit-on-error=false") as server:
                index = server.request("POST", "/v2/repository/index").json()
                same = [entry for entry in index if entry["name"] == "same"]
                self.assertEqual([entry.get("state") for entry in same], ["UNAVAILABLE"])
                self.assertIn("two or more repositories", same[0]["reason"])
                self.assertEqual(len(server.embed("other", ["a text"])[0]), 384)

    def test_a_full_log_disk_does_not_stop_serving(self):
        with TemporaryRepository() as repository:
            repository.add_folder("model", MINILM)
            with socket.create_server(("127.0.0.1", 0)) as free:  # the log, which tells the port, cannot be read here
                port = free.getsockname()[1]
            process = subprocess.Popen([NESO, "serve", f"--model-repository={repository.path}", f"--http-port={port}",
                                        "--metrics-port=0", "--log-file=/dev/full"], stderr=subprocess.DEVNULL)
            try:
                deadline = time.monotonic() + 60
                while True:
                    try:
                        with socket.create_connection(("127.0.0.1", port)):
                            break
                    except ConnectionRefusedError:
                        self.assertLess(time.monotonic(), deadline)
                        self.assertIsNone(process.poll())
                        time.sleep(0.05)
            finally:
                process.terminate()
                self.assertEqual(process.wait(40), 0)


class Stopping(unittest.TestCase):
    def test_sigterm_under_load_loses_no_accepted_request(self):
        server = Server(MODELS)
        results = []

        def client():
            while True:
                try:
                    answer = server.infer(MODEL, text_input("busy " * 60))
                except OSError:  # no new connection, or an idle one closed: never accepted
                    return
                results.append(answer.status)
                if answer.status == 503:
                    return

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(results) < 50:
            time.sleep(0.01)
        self.assertEqual(server.stop(signal.SIGTERM), 0)
        for thread in threads:
            thread.join()
        self.assertEqual({status for status in results} - {200, 503}, set())
        self.assertIn("Waiting for in-flight requests", server.log_text())


if __name__ == "__main__":
    unittest.main()
