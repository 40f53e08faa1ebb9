# SPDX-License-Identifier: Apache-2.0
"""Faults from outside that must not end the running server or slow what it serves: signals, clients that vanish, scrapers."""

import concurrent.futures
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from neso_server import NESO, ROOT, Server, TemporaryRepository

SIMPLE = json.dumps({"inputs": [{"name": name, "datatype": "INT32", "shape": [1, 16], "data": [1] * 16} for name in ("INPUT0", "INPUT1")]})
PATIENCE_S = 60


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        cls.repository.add("simple", files=[("model.onnx", ROOT / "tests/data/onnx/simple.onnx")])
        cls.server = Server(cls.repository.path, "--http-thread-count=2")

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        cls.repository.__exit__()
        assert status == 0, cls.server.log_text()

    def assert_serves(self):
        self.assertIsNone(self.server.process.poll(), self.server.log_text())
        answer = self.server.request("POST", "/v2/models/simple/infer", SIMPLE)
        self.assertEqual(answer.status, 200, answer.body)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def eventually(self, holds, what):
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def test_F05_signals_of_terminals_pipes_and_children_end_nothing(self):
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
            self.server.signal(number)
            for _ in range(3):
                self.assert_serves()

    def test_F05_a_log_that_was_moved_away_is_made_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            with TemporaryRepository() as empty, subprocess.Popen(
                    [NESO, "serve", f"--model-repository={empty.path}", "--http-port=0", "--grpc-port=0", "--metrics-port=0",
                     f"--log-file={log}"], stderr=subprocess.DEVNULL) as server:
                try:
                    self.eventually(lambda: log.exists() and "Started Metrics" in log.read_text(), "it did not start")
                    log.rename(f"{log}.1")
                    server.send_signal(signal.SIGHUP)
                finally:
                    server.terminate()
                self.assertEqual(server.wait(PATIENCE_S), 0)
            self.assertIn("received", log.read_text())

    def test_F29_clients_that_vanish_at_any_point_leave_nothing_behind(self):
        for _ in range(8):  # each I/O thread opens what it needs with its first connection
            self.assert_serves()
        before = self.descriptors()
        request = (f"POST /v2/models/simple/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(SIMPLE)}\r\n\r\n" + SIMPLE).encode()
        for cut in range(0, len(request) + 1, 20):
            for abrupt in (False, True):
                client = socket.create_connection(("127.0.0.1", self.server.http_port))
                client.sendall(request[:cut])
                if abrupt:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
        self.assert_serves()
        self.eventually(lambda: self.descriptors() <= before + 8, "descriptors were kept")

    def test_F56_many_scrapes_at_once_and_one_that_never_reads(self):
        silent = socket.create_connection(("127.0.0.1", self.server.metrics_port))
        silent.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 16)
        with silent, concurrent.futures.ThreadPoolExecutor(100) as scrapers:
            scrapes = [scrapers.submit(self.server.request, "GET", "/metrics", None, None, self.server.metrics_port) for _ in range(100)]
            for _ in range(10):
                self.assert_serves()
            statuses = {scrape.result().status for scrape in scrapes}
        self.assertLessEqual(statuses, {200, 503})
        self.assertIn(200, statuses)


if __name__ == "__main__":
    unittest.main()
