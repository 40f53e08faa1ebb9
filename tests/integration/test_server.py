# SPDX-License-Identifier: Apache-2.0
"""The running server: its KServe v2 answers, what it says to bad requests, how it starts and how it stops."""

import http.client
import json
import os
import platform
import re
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from neso_server import MINILM, MODELS, NESO, ROOT, Answer, Server, TemporaryRepository

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
        answer = self.server.request("TRACE", f"/v2/models/{MODEL}/infer")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"))
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
        self.server.embed(MODEL, ["count me", "and me, which is a good deal longer"])
        text = self.server.metrics()
        always, asked_for = documented_families()
        for family in re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE):
            self.assertIn(family, always + asked_for + GPU_FAMILIES)
        for family in always:
            self.assertIn(f"# TYPE {family} ", text)
        self.assertEqual(self.server.request("GET", "/other", port=self.server.metrics_port).body, b"")


# Of docs/metrics.md; test_gpu.py sees that they are there where GPUs are.
GPU_FAMILIES = re.findall(r"`(nv_(?:gpu|energy)_\w+)`", (ROOT / "docs/metrics.md").read_text())


def documented_families():
    """Of docs/metrics.md: those that are always there, and those that an option adds."""
    always, asked_for = (ROOT / "docs/metrics.md").read_text().split("## When asked for")
    families = [family for family in re.findall(r"`((?:nv|neso)_\w+)`", always) if family not in GPU_FAMILIES]
    added = [family for family in families if "_summary_" in family or "_histogram_" in family]
    return ([family for family in families if family not in added], added + re.findall(r"`((?:nv|neso)_\w+)` \|", asked_for))


class Measuring(unittest.TestCase):
    def test_summaries_and_histograms_are_there_when_asked_for(self):
        with Server(MODELS, "--metrics-config=summary_latencies=true", "--metrics-config=summary_quantiles=0.5:0.1",
                    "--metrics-config=histogram_latencies=true", "--metrics-config=nonsense=1",
                    "--result-cache=1000000", "--cache-config=local,size=1000000") as server:
            server.wait_for_log("--metrics-config=nonsense=1 has no effect")
            server.embed(MODEL, ["count me"])
            text = server.metrics()
            always, asked_for = documented_families()
            for family in always + asked_for:
                if not family.endswith("_per_model") and family != "neso_traces_dropped_total":
                    self.assertIn(f"# TYPE {family} ", text)
            self.assertRegex(text, r'nv_inference_request_summary_us\{.*quantile="0.5"\} \d+\n')
            self.assertIn("nv_inference_first_response_histogram_ms_count{model=\"all-minilm-l6-v2\",version=\"1\"} 1\n", text)

    def test_what_is_switched_off_is_not_there(self):
        with Server(MODELS, "--metrics-config=counter_latencies=false", "--allow-cpu-metrics=0") as server:
            server.embed(MODEL, ["count me"])
            text = server.metrics()
        self.assertNotIn("_duration_us", text)
        self.assertNotIn("nv_cpu_", text)
        self.assertRegex(text, r"nv_inference_request_success\{.*\} 1\n")


class Starting(unittest.TestCase):
    def run_serve(self, *options, program=(NESO, "serve"), **more):
        return subprocess.run([*program, *options], capture_output=True, text=True, timeout=120, **more)

    def assert_fails(self, run, *words):
        self.assertEqual(run.returncode, 1, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)

    def test_usage_errors_exit_with_1(self):
        run = self.run_serve("--http-prot=8000", "--model-repository=x")
        self.assert_fails(run, "--http-prot", "did you mean --http-port?", "neso help serve")
        self.assertEqual(run.stderr.count("\n"), 2)
        as_triton = self.run_serve("--http-prot=8000", program=[NESO.with_name("tritonserver")])
        self.assert_fails(as_triton, "unrecognized option '--http-prot=8000'\n", "--metrics-port <integer>")
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

    def test_F31_a_port_that_is_taken(self):
        with socket.create_server(("0.0.0.0", 0)) as taken, TemporaryRepository() as repository:
            port = taken.getsockname()[1]
            options = ("--http-port", "--grpc-port", "--metrics-port")
            for option in options:
                others = [f"{other}=0" for other in options if other != option]
                run = self.run_serve(f"--model-repository={repository.path}", f"{option}={port}", *others)
                self.assert_fails(run, f"Socket '0.0.0.0:{port}' already in use by ", f"(pid {os.getpid()})",
                                  f"choose another with {option}")
                self.assertNotIn("Started", run.stderr)

    def test_F31_a_port_that_is_shared_on_purpose(self):
        with TemporaryRepository() as repository, Server(repository.path, "--reuse-http-port=true") as first:
            with Server(repository.path, "--reuse-http-port=true", f"--http-port={first.http_port}") as second:
                self.assertEqual(second.http_port, first.http_port)
                self.assertEqual(first.stop(), 0)
                self.assertEqual(second.get("/v2/health/ready").status, 200)

    def test_F50_an_instruction_set_that_this_machine_does_not_have(self):
        with TemporaryRepository() as repository:
            other = "avx2" if platform.machine() == "aarch64" else "neon"
            for isa in (other, "avx1024"):
                run = self.run_serve(f"--model-repository={repository.path}", f"--isa={isa}")
                self.assert_fails(run, f"this machine has no instruction set '{isa}'; choose from generic")
                self.assertNotIn("Started", run.stderr)

    def test_a_server_that_would_serve_nothing(self):
        with TemporaryRepository() as repository:
            run = self.run_serve(f"--model-repository={repository.path}", "--allow-http=false", "--allow-grpc=false",
                                 "--allow-metrics=false")
            self.assert_fails(run, "Nothing would be served", "--allow-http=false")

    def test_variables_that_are_no_options_are_named(self):
        environment = {**os.environ, "NESO_HTTP_PROT": "1", "NESO_PORT": "tcp://10.0.0.1:8000"}
        run = self.run_serve("--model-repository=/no/such/folder", env=environment)
        self.assert_fails(run, "NESO_HTTP_PROT is no option; did you mean NESO_HTTP_PORT?")
        self.assertNotIn("NESO_PORT ", run.stderr)

    def test_one_broken_model_beside_a_good_one(self):
        with TemporaryRepository() as repository:
            repository.add_folder("good", MINILM)
            repository.add("typo", config='name: "typo"\nmax_batch_sise: 4\n', files=[("model.onnx", b"x")])
            repository.add("cut", files=[("model.onnx", b"\x08\x07")])
            (repository.path / "empty" / "1").mkdir(parents=True)
            (repository.path / "none").mkdir()
            run = self.run_serve(f"--model-repository={repository.path}", "--http-port=0", "--grpc-port=0", "--metrics-port=0")
            self.assert_fails(run, "failed to load all models", "config.pbtxt:2:", "max_batch_sise")
            last = run.stderr.splitlines()[-1]
            for word in ("error: creating server: Internal - failed to load all models: ", "'cut'", "'empty'", "and 1 more"):
                self.assertIn(word, last)
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

    def test_F15_a_log_that_cannot_be_written_does_not_stop_serving(self):
        def free_port():  # the log, which tells the ports, cannot be read here
            with socket.create_server(("127.0.0.1", 0)) as free:
                return free.getsockname()[1]

        with TemporaryRepository() as repository, tempfile.TemporaryDirectory() as folder:
            repository.add_folder("model", MINILM)
            for log_file, limit in (("/dev/full", resource.RLIM_INFINITY), (f"{folder}/log", 100)):
                server = Server.__new__(Server)
                server.http_port, server.metrics_port = free_port(), free_port()
                server.process = subprocess.Popen(
                    [NESO, "serve", f"--model-repository={repository.path}", f"--http-port={server.http_port}",
                     "--grpc-port=0", f"--metrics-port={server.metrics_port}", f"--log-file={log_file}"], stderr=subprocess.DEVNULL,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
                try:
                    deadline = time.monotonic() + 60
                    while True:
                        try:
                            text = server.metrics()
                            break
                        except ConnectionRefusedError:
                            self.assertLess(time.monotonic(), deadline)
                            self.assertIsNone(server.process.poll())
                            time.sleep(0.05)
                    self.assertEqual(len(server.embed("model", ["a text"])[0]), 384)
                    self.assertGreater(int(re.search(r"^neso_log_dropped_total (\d+)$", text, re.MULTILINE)[1]), 0)
                finally:
                    server.process.terminate()
                    self.assertEqual(server.process.wait(40), 0)


class KeptConnection:
    """Requests one after another on one connection."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=600)
        self.connection.connect()

    def send(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body else None)

    def answer(self):
        return Answer(self.connection.getresponse())

    def ask(self, *request):
        self.send(*request)
        return self.answer()

    def ready(self):
        return self.ask("GET", "/v2/health/ready")


class Stopping(unittest.TestCase):
    INFER = f"/v2/models/{MODEL}/infer"
    LONG = {"inputs": text_input(*[f"{i} " + "long " * 500 for i in range(64)])}  # long enough

    def connect(self, server):
        kept = KeptConnection(server)
        self.addCleanup(kept.connection.close)
        return kept

    def test_F04_sigterm_under_load_loses_no_accepted_request(self):
        server = Server(MODELS, "--exit-timeout-secs=3600")  # however slow this build is
        probe = self.connect(server)
        self.assertEqual(probe.ready().status, 200)
        results, lost = [], []

        def client(keep):
            while True:
                try:
                    connection = KeptConnection(server)
                except OSError:  # no new connection: never accepted
                    return
                try:
                    while True:
                        answer = connection.ask("POST", self.INFER, {"inputs": text_input("busy " * 60)})
                        results.append(answer.status)
                        if not keep or answer.headers.get("connection") == "close":
                            break
                except (OSError, http.client.HTTPException) as error:
                    lost.append(error)
                finally:
                    connection.connection.close()

        threads = [threading.Thread(target=client, args=(number % 2 == 0,)) for number in range(8)]
        for thread in threads:
            thread.start()
        while len(results) < 50:
            time.sleep(0.01)
        long_request = self.connect(server)
        long_request.send("POST", self.INFER, self.LONG)
        server.signal()
        server.wait_for_log("Waiting for in-flight requests")
        answer = probe.ready()
        self.assertEqual((answer.status, answer.headers.get("connection")), (503, "close"))
        self.assertEqual(long_request.answer().status, 200)
        for thread in threads:
            thread.join()
        self.assertEqual(server.stop(None), 0)
        self.assertEqual(lost, [])
        self.assertEqual(set(results) - {200, 503}, set())

    def test_F04_readiness_ends_before_the_ports_close(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = Server(MODELS, "--drain-delay=600")
            kept = self.connect(server)
            self.assertEqual(kept.ready().status, 200)
            server.signal(number)
            server.wait_for_log("--drain-delay")
            self.assertEqual(server.get("/v2/health/ready").status, 503)  # a new connection
            self.assertEqual(server.get("/v2/health/live").status, 200)
            answer = kept.ready()
            self.assertEqual((answer.status, answer.headers.get("connection")), (503, None))
            self.assertEqual(kept.ask("POST", self.INFER, {"inputs": text_input("still served")}).status, 200)
            self.assertEqual(server.stop(number), 1)  # the second one
            self.assertIn(f"Signal ({int(number)}) received", server.log_text())
            self.assertIn("second signal", server.log[-1])

    def test_F04_the_delay_is_over_some_time(self):
        server = Server(MODELS, "--drain-delay=0.05")
        self.assertEqual(server.stop(), 0)
        self.assertIn("All models are stopped", server.log[-1])

    def test_an_exit_timeout_does_not_wait_for_what_is_running(self):
        server = Server(MODELS, "--exit-timeout-secs=0")
        kept = self.connect(server)
        kept.send("POST", self.INFER, self.LONG)
        while not re.search(r"^nv_inference_exec_count{.*} [1-9]", server.metrics(), re.MULTILINE):
            time.sleep(0.005)
        self.assertEqual(server.stop(), 1)
        self.assertIn("Exit timeout expired. Exiting immediately.", server.log[-1])

    def test_a_signal_while_models_load_ends_it(self):
        process = subprocess.Popen([NESO, "serve", f"--model-repository={MODELS}", "--http-port=0", "--grpc-port=0",
                                    "--metrics-port=0"], stderr=subprocess.PIPE, text=True)
        process.stderr.readline()
        process.terminate()
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)

    def test_tritons_word_for_a_signal(self):
        with TemporaryRepository() as repository:
            server = Server(repository.path, program=NESO.with_name("tritonserver"), command=())
            output = server.process.stdout
            server.signal()
            self.assertEqual(output.readline(), "Signal (15) received.\n")
            self.assertEqual(server.stop(None), 0)


if __name__ == "__main__":
    unittest.main()
