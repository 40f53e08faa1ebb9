# SPDX-License-Identifier: Apache-2.0
"""Faults from outside that must not end the running server or slow what it serves: signals, clients that vanish, scrapers."""

import concurrent.futures
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import resource
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import unittest

from neso_server import NESO, PATIENCE_S, ROOT, SANITIZED, Server, TemporaryRepository, eventually

SIMPLE = json.dumps({"inputs": [{"name": name, "datatype": "INT32", "shape": [1, 16], "data": [1] * 16} for name in ("INPUT0", "INPUT1")]})
PIDFD_GETFD = 438  # the same number on every architecture


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
                    eventually(lambda: log.exists() and "Started Metrics" in log.read_text(), lambda: "it did not start")
                    log.rename(f"{log}.1")
                    server.send_signal(signal.SIGHUP)
                finally:
                    server.terminate()
                self.assertEqual(server.wait(PATIENCE_S), 0)
            self.assertIn("received", log.read_text())

    def test_F29_clients_that_vanish_at_any_point_leave_nothing_behind(self):
        for _ in range(8):  # each I/O thread opens what it needs with its first connection
            self.assert_serves()
        before = self.server.descriptors()
        request = (f"POST /v2/models/simple/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(SIMPLE)}\r\n\r\n" + SIMPLE).encode()
        for cut in range(0, len(request) + 1, 20):
            for abrupt in (False, True):
                client = socket.create_connection(("127.0.0.1", self.server.http_port))
                client.sendall(request[:cut])
                if abrupt:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
        self.assert_serves()
        eventually(lambda: self.server.descriptors() <= before + 8, lambda: f"{before} descriptors, then {self.server.descriptors()}")

    def accepted_socket(self, client):
        """The server's end of a connection, as a socket of ours."""
        libc = ctypes.CDLL(None, use_errno=True)
        pid = os.pidfd_open(self.server.process.pid)
        try:
            for descriptor in os.listdir(f"/proc/{self.server.process.pid}/fd"):
                copy = libc.syscall(PIDFD_GETFD, pid, int(descriptor), 0)
                if copy < 0 and ctypes.get_errno() == errno.EPERM:
                    self.skipTest("this system lets nobody look into a child's sockets")
                if copy < 0:
                    continue
                if not stat.S_ISSOCK(os.fstat(copy).st_mode):
                    os.close(copy)
                    continue
                with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
                    found = stack.enter_context(socket.socket(fileno=copy))
                    if found.family != socket.AF_UNIX and found.getpeername()[1] == client.getsockname()[1]:
                        stack.pop_all()
                        return found
        finally:
            os.close(pid)
        raise AssertionError("the connection is not among the server's descriptors")

    # A peer whose machine is gone says nothing, and a test cannot wait for that: the kernel is told to give up.
    def test_F30_the_kernel_gives_up_peers_that_acknowledge_nothing(self):
        for port in (self.server.http_port, self.server.metrics_port, self.server.grpc_port):
            with socket.create_connection(("127.0.0.1", port)) as client:
                if port == self.server.grpc_port:
                    client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
                    client.recv(1)
                else:
                    client.sendall(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n")
                    client.recv(1)
                with self.accepted_socket(client) as accepted:
                    patience_ms = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                self.assertGreater(patience_ms, 0, port)
                self.assertLessEqual(patience_ms, 60_000, port)

    def test_F30_peers_that_vanish_in_the_middle_by_the_thousand_leave_nothing_behind(self):
        body = b"x" * (64 << 10)
        begin = f"POST /v2/models/simple/infer HTTP/1.1\r\nHost: a\r\nContent-Length: {4 * len(body)}\r\n\r\n".encode() + body

        def vanish(count):
            clients = []
            for _ in range(count):
                client = socket.create_connection(("127.0.0.1", self.server.http_port))
                client.sendall(begin)
                clients.append(client)
            eventually(lambda: self.server.descriptors() >= count, lambda: "they are not accepted")
            for client in clients:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()

        descriptors = self.server.descriptors()
        count = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)
        resident = self.server.memory("VmRSS")
        for _ in range(3):
            vanish(count)
        eventually(lambda: self.server.descriptors() <= descriptors + 8, lambda: f"{descriptors} descriptors, then {self.server.descriptors()}")
        if not SANITIZED:
            # The allocator keeps what they needed until the server rests.
            eventually(lambda: self.server.memory("VmRSS") <= resident + (8 << 20),
                       lambda: f"MiB resident: {resident >> 20}, then {self.server.memory('VmRSS') >> 20}")
        self.assert_serves()

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
