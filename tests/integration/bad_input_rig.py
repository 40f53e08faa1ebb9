# SPDX-License-Identifier: Apache-2.0
"""What every row of the bad-input table is held to, and the sockets that rows are sent through.

A row runs between two looks at the server: the process is the same and alive, a client with good requests gets the right
bits throughout, each refusal is short and in the dialect's shape, counted once, and memory, descriptors and threads come
back to what they were.
"""

import http.client
import json
import re
import socket
import struct
import threading
import time

from neso_server import PATIENCE_S, ROOT, SANITIZED, Answer, eventually

MIB = 1 << 20
BODY_LIMIT = 16 * MIB

ROWS = {}


def row(name, what):
    """Puts a function (rig) into the table."""
    def register(function):
        assert name not in ROWS, name
        function.what = what
        ROWS[name] = function
        return function
    return register


class WireAnswer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.body[:200]!r}"

    def sentence(self):
        return json.loads(self.body)["error"]


class Wire:
    """A connection on which anything may be written."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.received = b""
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends as much as the server takes."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return self

    def reset(self):
        """Closes so that the other side is told at once that nobody reads any more."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _more(self):
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError:
            piece = b""
        self.closed = not piece
        self.received += piece
        return bool(piece)

    def answer(self):
        """The next answer, or None where the server closed instead. Interim answers are skipped."""
        while True:
            while b"\r\n\r\n" not in self.received:
                if not self._more():
                    return None
            head, _, rest = self.received.partition(b"\r\n\r\n")
            first, *fields = head.decode("latin-1").split("\r\n")
            headers = {}
            for field in fields:
                name, _, value = field.partition(":")
                headers[name.lower()] = value.strip()
            status = int(first.split()[1])
            if status == 100:
                self.received = rest
                continue
            size = int(headers.get("content-length", 0))
            while len(rest) < size:
                if not self._more():
                    raise AssertionError(f"the answer {head!r} was cut")
                rest = self.received.partition(b"\r\n\r\n")[2]
            self.received = rest[size:]
            return WireAnswer(status, headers, rest[:size])

    def ends(self):
        """Reads until the server closes; returns what came."""
        self.half_close()
        while self._more():
            pass
        return self.received


class Canary(threading.Thread):
    """Asks the same good requests all the time and remembers whatever was not the right answer."""

    def __init__(self, port, path, body):
        super().__init__(daemon=True)
        self.port, self.path, self.body = port, path, body
        self.expected = self._ask(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S), True)
        self.answered = 0
        self.wrong = []
        self._over = threading.Event()

    def _ask(self, connection, last=False):
        connection.request("POST", self.path, self.body, {"Connection": "close"} if last else {})
        answer = connection.getresponse()
        body = answer.read()
        if last:
            connection.close()
        return answer.status, body

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        while not self._over.wait(0.02):
            try:
                answer = self._ask(connection)
            except OSError as error:
                answer = repr(error)
            if answer != self.expected:
                self.wrong.append(answer)
            self.answered += 1
        connection.close()

    def stop(self):
        self._over.set()
        self.join()


class Rig:
    """The server as a row sees it."""

    def __init__(self, test, server, canary, models):
        self.test, self.server, self.canary, self.models = test, server, canary, models
        self.pid = server.process.pid
        self.kept = 16 * MIB  # memory that may be held for the next time
        self.errors = self.grpc_errors = 0  # that must have been counted when the row is over; None: nobody can tell

    # --- asking ---------------------------------------------------------------------------------

    def wire(self, port=None):
        return Wire(port or self.server.http_port)

    def request(self, method, path, body=None, headers=None):
        answer = self.server.request(method, path, body, headers)
        return self.noted(answer)

    def infer(self, model, body, headers=None):
        return self.request("POST", f"/v2/models/{model}/infer", body, headers)

    def exchange(self, data, half_close=False):
        """Sends bytes on a connection of their own: the first answer, and whether the server then closed."""
        with self.wire() as wire:
            wire.send(data)
            if half_close:
                wire.half_close()
            answer = self.noted(wire.answer())
            if answer is None or half_close or answer.headers.get("connection") == "close":
                wire.ends()
            return answer, wire.closed

    def noted(self, answer):
        """An error's form is looked at; it must be counted once."""
        if answer is not None and answer.status >= 400:
            self.errors += 1
            if answer.body:
                self.check_error(answer)
        return answer

    def check_error(self, answer):
        self.test.assertLessEqual(len(answer.body), 1024, answer.body)
        document = json.loads(answer.body)
        self.test.assertEqual(list(document), ["error"])
        self.check_sentence(document["error"])

    def check_sentence(self, sentence):
        for secret in (str(ROOT), str(self.models), "/proc/", "0x7f"):
            self.test.assertNotIn(secret, sentence)
        self.test.assertIsNone(re.search("[\x00-\x08\x0b-\x1f\x7f]", sentence), repr(sentence))
        self.test.assertGreater(len(sentence), 8)

    # --- judging --------------------------------------------------------------------------------

    def refused(self, answer, status, *words):
        self.test.assertIsNotNone(answer, "the connection was closed without an answer")
        statuses = status if isinstance(status, tuple) else (status,)
        self.test.assertIn(answer.status, statuses, answer.body[:300])
        for word in words:
            self.test.assertIn(word, answer.body.decode())

    def cut_off(self, data, status, *words, half_close=False):
        """Refused, and nothing more is read of that connection."""
        answer, closed = self.exchange(data, half_close)
        self.refused(answer, status, *words)
        self.test.assertTrue(closed, "the connection was kept")

    def good(self, answer):
        self.test.assertEqual(answer.status, 200, answer.body[:300])

    # --- the process ----------------------------------------------------------------------------

    def reset_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")

    def errors_counted(self):
        return {api: self.server.counted("neso_request_errors_total", api=api) for api in ("http", "grpc")}


class Guarantees:
    """Holds a row to them, as a context."""

    def __init__(self, rig):
        self.rig = rig

    def __enter__(self):
        rig, server = self.rig, self.rig.server
        rig.reset_peak()
        self.resident, self.descriptors, self.threads = server.memory("VmRSS"), server.descriptors(), server.threads()
        self.errors = rig.errors_counted()
        self.log = len(rig.server.log)
        self.canary_answers, self.wrong = rig.canary.answered, len(rig.canary.wrong)
        self.minutes = int(time.time() // 60)
        return rig

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        rig, test, server = self.rig, self.rig.test, self.rig.server
        test.assertIsNone(server.process.poll(), "the server ended:\n" + server.log_text()[-4000:])
        asked = rig.canary.answered
        eventually(lambda: rig.canary.answered > asked + 1, lambda: "the canary got no answer any more")
        test.assertEqual(rig.canary.wrong[self.wrong:], [])
        if not SANITIZED:
            test.assertLessEqual(server.memory("VmHWM"), self.resident + 2 * BODY_LIMIT + rig.kept, "peak of memory")
            eventually(lambda: server.memory("VmRSS") <= self.resident + rig.kept,
                       lambda: f"memory: {self.resident >> 20} MiB before, {server.memory('VmRSS') >> 20} MiB after")
        eventually(lambda: server.descriptors() <= self.descriptors,
                   lambda: f"{self.descriptors} descriptors before, {server.descriptors()} after")
        # gRPC adds a thread to its pool when all are busy.
        eventually(lambda: server.threads() <= self.threads + 4, lambda: f"{self.threads} threads before, {server.threads()} after")
        counted = rig.errors_counted()
        if rig.errors is not None:
            test.assertEqual(counted["http"] - self.errors["http"], rig.errors, "neso_request_errors_total of HTTP")
        if rig.grpc_errors is not None:
            test.assertEqual(counted["grpc"] - self.errors["grpc"], rig.grpc_errors, "neso_request_errors_total of gRPC")
        lines = [line for line in server.log[self.log:] if "refused a request" in line]
        for service in ("HTTPService", "Metrics Service", "GRPCInferenceService"):
            of_server = [line for line in lines if service in line]
            test.assertLessEqual(len(of_server), int(time.time() // 60) - self.minutes + 1, of_server)
        for line in server.log[self.log:]:
            test.assertIsNone(re.search("[\x00-\x08\x0b-\x1f\x7f]", line), repr(line))
