# SPDX-License-Identifier: Apache-2.0
"""`neso bench --url`, against the real server on a small model and against servers that do wrong on purpose. Figures are
those of the machine, so nothing here says how large one is."""

import http.server
import json
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest
import xml.etree.ElementTree

from neso_server import NESO, Server, TemporaryRepository, run_tool, some_encoder

SVG = "{http://www.w3.org/2000/svg}"


def bench(url, *arguments):
    words = [NESO, "bench", "--url", url, "--seconds", "0.3", "--warmup", "0.1", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300)


class LoadTest(unittest.TestCase):
    def lines(self, url, *arguments, status=0):
        done = bench(url, *arguments, "--json")
        self.assertEqual(done.returncode, status, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


class OnNeso(LoadTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        run_tool("make_bert.py", "--hidden", 64, "--layers", 2, "--heads", 4, "--intermediate", 128, "--vocab", 1000,
                 "--out", cls.folder / "model")
        repository = cls.enterClassContext(TemporaryRepository())
        repository.add_folder("small", cls.folder / "model")
        repository.add_folder("minilm", some_encoder())
        cls.server = cls.enterClassContext(Server(repository.path))
        cls.url = f"http://127.0.0.1:{cls.server.http_port}"
        cls.model = ("--model", "small", "--vocabulary", 1000, "--tokens", 8)

    def assert_good(self, line):
        self.assertEqual(line["errors"], [])
        self.assertGreater(line["requests"], 0)
        for figure in ("requests_per_s", "rows_per_s", "ms_mean", "ms_p50", "ms_p90", "ms_p99", "ms_p99_9", "ms_max"):
            self.assertGreater(line[figure], 0, figure)
        self.assertLessEqual(line["ms_p50"], line["ms_p99"])
        self.assertLessEqual(line["ms_p99_9"], line["ms_max"])
        self.assertEqual(line["server"]["pid"], self.server.process.pid)
        self.assertGreater(line["server"]["resident_mib"], 1)

    def test_a_closed_loop_has_a_line_per_concurrency(self):
        lines = self.lines(self.url, *self.model, "--concurrency", "1,4")
        self.assertEqual([(line["loop"], line["concurrency"]) for line in lines], [("closed", 1), ("closed", 4)])
        for line in lines:
            self.assert_good(line)

    def test_an_open_loop_has_a_line_per_rate(self):
        lines = self.lines(self.url, *self.model, "--rate", "50,100")
        self.assertEqual([(line["loop"], line["rate"]) for line in lines], [("open", 50), ("open", 100)])
        for line in lines:
            self.assert_good(line)

    def test_grpc_is_an_api_as_well(self):
        url, model = f"127.0.0.1:{self.server.grpc_port}", (*self.model, "--api", "triton-grpc")
        for loop in (("--concurrency", 4), ("--rate", 50)):
            (line,) = self.lines(url, *model, *loop, "--batch", 2)
            self.assert_good(line)
            self.assertAlmostEqual(line["rows_per_s"], 2 * line["requests_per_s"])
        for url, words, sentence in ((url, ("--model", "nobody"), "nobody"), (url, (*self.model, "--binary"), "no binary form"),
                                     (self.url, self.model, "does a gRPC server listen")):
            failed = bench(url, *words, "--api", "triton-grpc")
            self.assertEqual(failed.returncode, 1)
            self.assertIn(sentence, failed.stderr)

    def test_the_server_gets_what_was_counted(self):
        before = self.statistics()
        (line,) = self.lines(self.url, *self.model, "--batch", 3, "--warmup", 0)
        after = self.statistics()
        self.assertEqual(line["rows_per_request"], 3)
        self.assertAlmostEqual(line["rows_per_s"], 3 * line["requests_per_s"])
        # Those that were under way at the end were answered, but not counted.
        self.assertIn(after["count"] - before["count"] - line["requests"], (0, 1))
        self.assertEqual(after["rows"] - before["rows"], 3 * (after["count"] - before["count"]))

    def statistics(self):
        (model,) = self.server.get("/v2/models/small/stats").json()["model_stats"]
        return {"count": model["inference_stats"]["success"]["count"], "rows": model["inference_count"]}

    def test_tokens_and_texts_as_json_and_as_bytes(self):
        texts = self.folder / "texts.txt"
        texts.write_text("one text\nanother text\n\n")
        minilm = ("--model", "minilm", "--tokens", 8)
        for kind in (self.model, (*minilm, "--texts", texts), (*minilm, "--text-input", "text")):
            for form in ((), ("--binary",)):
                (line,) = self.lines(self.url, *kind, *form, "--batch", 2)
                self.assert_good(line)
                self.assertEqual(line["binary"], bool(form))

    def test_several_threads_share_the_connections(self):
        (line,) = self.lines(self.url, *self.model, "--concurrency", 5, "--client-threads", 2)
        self.assert_good(line)

    def test_a_ramp_tells_the_knee(self):
        *steps, knee = self.lines(self.url, *self.model, "--ramp")
        self.assertEqual([step["concurrency"] for step in steps], [2 ** i for i in range(len(steps))])
        self.assertIn(knee["knee"]["concurrency"], [step["concurrency"] for step in steps])
        self.assertTrue(knee["reason"])

    def test_a_ramp_of_rates_ends_at_the_limit_of_p99(self):
        lines = self.lines(self.url, *self.model, "--ramp", "--rate", 20, "--p99-limit-ms", 0.001, status=1)
        self.assertIsNone(lines[-1]["knee"])
        self.assertIn("p99 passed 0.001 ms at 20", lines[-1]["reason"])

    def test_the_table_says_what_was_measured(self):
        done = bench(self.url, *self.model, "--concurrency", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        title, head, line = done.stdout.splitlines()
        self.assertIn(f"neso (pid {self.server.process.pid}); model small, 1 row a request", title)
        self.assertEqual(head.split()[:3], ["load", "requests/s", "rows/s"])
        self.assertTrue(line.startswith("concurrency 2 "), line)

    def test_the_plot_has_a_line_per_percentile_and_one_of_throughput(self):
        plot = self.folder / "plot.svg"
        self.lines(self.url, *self.model, "--concurrency", "1,2,4", "--plot", plot)
        svg = xml.etree.ElementTree.parse(plot).getroot()
        lines = [(line.find(f"{SVG}title").text, len(line.get("points").split())) for line in svg.iter(f"{SVG}polyline")]
        self.assertEqual(lines, [(name, 3) for name in ("p50", "p90", "p99", "p99.9", "requests per second")])

    def test_requests_that_the_server_refuses_are_counted_by_status_with_its_sentence(self):
        (line,) = self.lines(self.url, "--model", "small", "--vocabulary", 1000000, "--tokens", 8, status=1)
        ((error),) = line["errors"]
        self.assertEqual((error["kind"], error["status"], error["count"]), ("status", 400, line["requests"]))
        self.assertIn("the model's ids are 0 to 999", error["example"])
        done = bench(self.url, "--model", "small", "--vocabulary", 1000000)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no request of the step was answered well: ", done.stderr)
        self.assertRegex(done.stdout, r"errors: \d+ status 400 \(")

    def test_what_cannot_be_measured_is_refused_at_once(self):
        for words, complaint in ((("--model", "nobody"), "unknown model: 'nobody' is not found"),
                                 (("--api", "soap"), "there is no API 'soap'; choose from triton, triton-grpc"),
                                 (("--concurrency", "1,0"), "--concurrency takes whole numbers from 1"),
                                 (("--rate", "fast"), "--rate takes numbers up to"),
                                 (("--rate", "5", "--concurrency", "5"), "exclude each other"),
                                 (("--ramp", "--rate", "5,6"), "--ramp begins with one --rate"),
                                 (("--shape", "x"), "--shape takes NAME:N,N, not 'x'"),
                                 (("--shape", "x:1"), "--shape names 'x', but the model's inputs are input_ids"),
                                 (("--texts", "/no/such/file"), "cannot read '/no/such/file'"),
                                 (("--plot", "/no/such/folder/plot.svg"), "/no/such/folder"),
                                 (("--isa", "avx2"), "options of engines say nothing there")):
            done = bench(self.url, *self.model, *words)
            self.assertEqual((done.returncode, done.stdout), (1, ""), words)
            self.assertIn(complaint, done.stderr)

    def test_a_load_needs_a_url(self):
        done = subprocess.run([NESO, "bench", "--rate", "5"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("need its --url", done.stderr)


class OnOthers(LoadTest):
    """Servers of the other APIs, and such as break."""

    def serve(self, respond):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                respond(self, body)

            def answer(self, status, body):
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def test_each_api_asks_for_texts_in_its_way(self):
        def respond(handler, body):
            texts = body["inputs"] if handler.path == "/embed" else body["input"]
            vectors = [[float(len(text)), 1.0] for text in texts]
            handler.answer(200, {"/embed": vectors, "/api/embed": {"embeddings": vectors},
                                 "/v1/embeddings": {"data": [{"object": "embedding", "embedding": vector}
                                                             for vector in vectors]}}[handler.path])

        url = self.serve(respond)
        for api in ("ollama", "openai", "tei"):
            (line,) = self.lines(url, "--api", api, "--batch", 3, "--concurrency", 2)
            self.assertEqual((line["api"], line["errors"]), (api, []))
            self.assertGreater(line["requests"], 0)

    def test_part_of_the_requests_may_fail(self):
        turn = iter(range(1 << 30))

        def respond(handler, _):
            number = next(turn)
            if number % 4 == 1:
                return handler.answer(503, {"error": "come back later"})
            if number % 4 == 2:
                return handler.answer(200, [[1.0], [2.0]])
            if number % 4 == 3:
                handler.close_connection = True
                return handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[[")
            handler.answer(200, [[1.0]])

        (line,) = self.lines(self.serve(respond), "--api", "tei")
        errors = {error["kind"]: error["example"] for error in line["errors"]}
        self.assertEqual(errors, {"status": "come back later", "rows": "the answer has 2 rows instead of 1",
                                  "reset": "the server closed the connection before its answer was complete"})
        self.assertGreater(line["requests_per_s"], 0)

    def test_a_server_that_does_not_answer_costs_the_timeout(self):
        released = threading.Event()
        url = self.serve(lambda *_: released.wait(60))
        self.addCleanup(released.set)
        for load in (("--concurrency", 2), ("--rate", 50)):
            (line,) = self.lines(url, "--api", "tei", *load, "--timeout", 0.2, "--seconds", 0.6, status=1)
            self.assertEqual({error["kind"] for error in line["errors"]}, {"timeout"})

    def test_a_port_that_nobody_listens_on(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            done = bench(f"http://127.0.0.1:{port}")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"nothing can be reached at 127.0.0.1:{port}: Connection refused", done.stderr)

    def test_addresses_that_are_none(self):
        for url, complaint in (("https://127.0.0.1:1", "only plain http://"), ("127.0.0.1:x", "no port between"),
                               ("http://no.such.host.invalid", "'no.such.host.invalid' has no address")):
            done = bench(url)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(complaint, done.stderr)


if __name__ == "__main__":
    unittest.main()
