# SPDX-License-Identifier: Apache-2.0
"""Memory: what does not fit is refused with a sentence, what was accepted is finished, and the process lives on."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from neso_server import MINILM, MODELS, NESO, ROOT, Answer, Server, TemporaryRepository

MODEL = "all-minilm-l6-v2"
ENCODER = ROOT / "tests/data/onnx/encoder.onnx"


def text_input(*texts):
    return [{"name": "text", "datatype": "BYTES", "shape": [len(texts), 1], "data": list(texts)}]


@contextlib.contextmanager
def cache_folder():
    before = os.environ.get("NESO_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NESO_CACHE"] = folder
        try:
            yield pathlib.Path(folder)
        finally:
            if before is None:
                del os.environ["NESO_CACHE"]
            else:
                os.environ["NESO_CACHE"] = before


def bytes_in_flight(server):
    return float(re.search(r"^neso_request_bytes_in_flight (\S+)$", server.metrics(), re.MULTILINE)[1])


def reasons(server):
    return {entry["name"]: entry["reason"] for entry in server.request("POST", "/v2/repository/index").json()
            if entry.get("state") != "READY"}


class ModelsThatDoNotFit(unittest.TestCase):
    def test_f11_by_the_option(self):
        with TemporaryRepository() as repository:
            repository.add_folder("large", MINILM)
            repository.add("small", files=[("model.onnx", ENCODER)])
            with Server(repository.path, "--memory-budget-mb=64", "--exit-on-error=false") as server:
                self.assertRegex(reasons(server)["large"],
                                 r"it needs about \d+ MiB of memory .* of the budget of 64 MiB only 6\d MiB are free; .*--memory-budget-mb")
                ids = [{"name": "input_ids", "datatype": "INT64", "shape": [1, 2], "data": [3, 4]}]
                self.assertEqual(server.infer("small", ids).status, 200)
                self.assertIn("\nneso_memory_budget_bytes 67108864\n", server.metrics())
                self.assertEqual(server.stop(), 0)

    @unittest.skipIf(os.environ.get("BUILT_WITH_SANITIZER"), "sanitizers reserve terabytes of address space")
    def test_f11_by_the_limit_of_address_space(self):
        with TemporaryRepository() as repository:
            repository.add_folder("large", MINILM)
            limited = ("-c", 'ulimit -v 1000000; exec "$0" serve "$@"', str(NESO))
            with Server(repository.path, program="/bin/sh", command=limited) as server:
                self.assertIn("memory budget: 781 MiB, 80 % of the limit of address space (ulimit -v)", server.log_text())
                self.assertEqual(server.infer("large", text_input("a cat")).status, 200)
                self.assertEqual(server.stop(), 0)


class RequestsThatDoNotFit(unittest.TestCase):
    @staticmethod
    def ask_when_all_have_begun(server, body, begun):
        """Sends the last byte of the body when the others have come as far, or are refused: so they are in memory together."""
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest("POST", f"/v2/models/{MODEL}/infer")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            with contextlib.suppress(ConnectionError):  # one that is refused early may be closed; its answer is there
                connection.send(body[:-1])
            begun.wait()
            with contextlib.suppress(ConnectionError):
                connection.send(body[-1:])
            return Answer(connection.getresponse())

    def test_many_large_requests_are_served_or_told_to_come_again(self):
        text = "where is the retry logic? " * 40_000  # 1 MB
        body = json.dumps({"inputs": text_input(*[text] * 8)}).encode()
        answers = []
        begun = threading.Barrier(24, timeout=60)  # their bodies are more than the whole budget
        with Server(MODELS, "--memory-budget-mb=192") as server:
            server.embed(MODEL, ["warm"])

            def ask():
                answers.append(self.ask_when_all_have_begun(server, body, begun))

            threads = [threading.Thread(target=ask) for _ in range(begun.parties)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(len(answers), begun.parties)
            self.assertEqual({answer.status for answer in answers}, {200, 503})
            for answer in answers:
                if answer.status == 503:
                    self.assertIn(answer.headers["retry-after"], [str(s) for s in range(1, 31)])
                    self.assertIn("no memory for the request now", answer.json()["error"])
            self.assertEqual(server.infer(MODEL, text_input("a cat")).status, 200)
            deadline = time.monotonic() + 10
            while bytes_in_flight(server) > 0 and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual(bytes_in_flight(server), 0)
            self.assertEqual(server.stop(), 0)

    def test_a_request_larger_than_all_there_is(self):
        with Server(MODELS, "--memory-budget-mb=150", "--http-max-input-size=1000000000") as server:
            body = b'{"inputs":[' + b" " * 150_000_000
            answer = server.request("POST", f"/v2/models/{MODEL}/infer", body)
            self.assertEqual(answer.status, 413)
            self.assertIn("--memory-budget-mb", answer.json()["error"])
            self.assertEqual(server.stop(), 0)


class LongWork(unittest.TestCase):
    # One word that the tokenizer has to read to the end, and that takes it long.
    TEXT = "\u1e69\u0323" * 380_000  # 1.9 MB

    def wait_for_tokenizing(self, server, body_bytes):
        """It takes more memory than the body and the texts in it."""
        deadline = time.monotonic() + 30
        while bytes_in_flight(server) < 3 * body_bytes:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_the_exit_timeout_holds_while_texts_are_tokenized(self):
        server = Server(MODELS, "--exit-timeout-secs=1")
        body = json.dumps({"inputs": text_input(*[self.TEXT] * 24)}, ensure_ascii=False).encode()

        def ask():
            with contextlib.suppress(OSError):
                server.request("POST", f"/v2/models/{MODEL}/infer", body)

        thread = threading.Thread(target=ask)
        thread.start()
        self.wait_for_tokenizing(server, len(body))
        status = server.stop()
        thread.join()
        self.assertEqual(status, 1)
        self.assertIn("Exit timeout expired", server.log_text())

    def test_tokenizing_ends_when_the_client_leaves(self):
        with Server(MODELS) as server:
            body = json.dumps({"inputs": text_input(*[self.TEXT] * 24)}, ensure_ascii=False).encode()
            with socket.create_connection(("127.0.0.1", server.http_port)) as client:
                head = f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body)
                self.wait_for_tokenizing(server, len(body))
            begun = time.monotonic()
            while bytes_in_flight(server) > 0:
                self.assertLess(time.monotonic() - begun, 60)
                time.sleep(0.05)
            self.assertEqual(server.stop(), 0)


class LoadsThatKill(unittest.TestCase):
    """F12. The out-of-memory killer's stand-in is a SIGKILL as soon as the load has begun."""

    def kill_while_loading(self, repository, folder):
        process = subprocess.Popen([str(NESO), "serve", f"--model-repository={repository}", "--http-port=0",
                                    "--grpc-port=0", "--metrics-port=0"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while str(process.pid) not in self.mark(folder) and time.monotonic() < deadline and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()

    def mark(self, folder):
        with contextlib.suppress(FileNotFoundError):
            for file in folder.glob("culprit-*.loading"):
                return file.read_text().split()
        return []

    def test_f12_a_model_that_killed_the_process_three_times_is_skipped_and_named(self):
        with TemporaryRepository() as repository, cache_folder() as cache:
            repository.add_folder("culprit", MINILM)
            folder = cache / "loading"
            for _ in range(20):  # a load that was quicker than the signal starts the count again
                self.kill_while_loading(repository.path, folder)
                if self.mark(folder)[:1] == ["3"]:
                    break
            (file,) = folder.glob("culprit-*.loading")
            repository.add("innocent", files=[("model.onnx", ENCODER)])
            with Server(repository.path, "--exit-on-error=false") as server:
                self.assertIn(f"delete {file} to try again", server.log_text())
                self.assertIn(f"delete {file.name} to try again", reasons(server)["culprit"])
                self.assertEqual(server.get("/v2/models/innocent/ready").status, 200)
                self.assertEqual(server.stop(), 0)
            file.unlink()
            with Server(repository.path) as server:
                self.assertEqual(server.get("/v2/models/culprit/ready").status, 200)
                self.assertEqual(self.mark(folder), [])
                self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
