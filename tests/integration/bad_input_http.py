# SPDX-License-Identifier: Apache-2.0
"""Rows of the bad-input table about HTTP itself: framing, limits, time, codings, paths, foreign protocols, doors.

What needs hours, minutes or thousands of sockets is here in a short form; src/net has the whole of it on a clock of its own:
B06 read_deadline_test.cc, B07 http_server_refusals_test.cc, B09 http_server_lifecycle_test.cc.
"""

import contextlib
import gzip
import json
import shutil
import socket
import subprocess
import tempfile
import zlib

from bad_input_rig import BODY_LIMIT, MIB, Rig, row
from neso_server import Server

INFER = "/v2/models/simple/infer"
SIMPLE = json.dumps({"inputs": [{"name": name, "datatype": "INT32", "shape": [1, 16], "data": [1] * 16}
                                for name in ("INPUT0", "INPUT1")]}).encode()


def head(path=INFER, *fields, method="POST", version="HTTP/1.1"):
    return "\r\n".join([f"{method} {path} {version}", "Host: localhost", *fields, "", ""]).encode("latin-1")


def post(body, *fields, path=INFER):
    return head(path, f"Content-Length: {len(body)}", *fields) + body


def successes(rig, model="simple"):
    return rig.server.counted("nv_inference_request_success", model=model)


@row("B01", "a chunked body in chunks of one byte")
def many_chunks(rig):
    rig.cut_off(head(INFER, "Transfer-Encoding: chunked") + b"1\r\n \r\n" * 500_000, 400, "chunks")


@row("B02", "chunk sizes and line ends that are none")
def chunk_sizes(rig):
    chunked = head(INFER, "Transfer-Encoding: chunked")
    for chunk in (b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\nx\r\n", b"0x10\r\n", b"\r\n", b" 5\r\nhello\r\n", b"5\r\nhelloXX", b"5\nhello\n",
                  b"g\r\n", b"5;" + b"e" * 65536 + b"\r\nhello\r\n0\r\n\r\n"):
        rig.cut_off(chunked + chunk, 400)
    rig.cut_off(chunked + b"5\r\nhello\r\n0\r\n", 400, half_close=True)
    rig.cut_off(chunked + b"FFFFFFFFFFFFFFF\r\n", 413)


@row("B03", "heads of which two servers could make two things; the request hidden behind never runs")
def smuggling(rig):
    before = successes(rig)
    for fields in (("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 5"),
                   ("Content-Length: 5", "Content-Length: 6"), ("Content-Length: 5", "Content-Length: 5"), ("Content-Length: +5",),
                   ("Content-Length: 5, 5",), ("Content-Length: 0x5",), ("Content-Length: -1",), ("Content-Length:",),
                   ("Content-Length: 18446744073709551621",), ("Transfer-Encoding: identity, chunked, x",),
                   ("Transfer-Encoding: chunked, identity",), ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                   ("Transfer-Encoding : chunked",), ("Transfer-Encoding: \x0bchunked",), ("X: a\n b",), ("X: a\0b",),
                   ("X: a", " folded"), ("X Y: a",), (": a",), ("Host: other",)):
        rig.cut_off(head(INFER, *fields) + b"0\r\n\r\n" + post(SIMPLE), 400)
    rig.cut_off(b"POST " + INFER.encode() + b" HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n" + post(SIMPLE), 400)
    rig.cut_off(b"GET /v2 HTTP/1.1\r\n\r\n" + post(SIMPLE), 400, "Host")
    rig.test.assertEqual(successes(rig), before)
    answer, _ = rig.exchange(post(SIMPLE, "Connection: close"))
    rig.good(answer)
    rig.test.assertEqual(successes(rig), before + 1)


@row("B04", "too many headers, too long ones, too long a target")
def large_heads(rig):
    rig.cut_off(head("/v2", *[f"X-{i}: a" for i in range(10_000)], method="GET"), 431)
    rig.cut_off(head("/v2", "X: " + "a" * MIB, method="GET"), 431)
    rig.cut_off(head("/" + "a" * 65536, method="GET"), 414)


@row("B05", "a body that is declared larger than the limit")
def declared_too_large(rig):
    for fields in (("Content-Length: 10737418240",), ("Content-Length: 10737418240", "Expect: 100-continue"),
                   (f"Content-Length: {BODY_LIMIT + 1}",)):
        with rig.wire() as wire:
            answer = rig.noted(wire.send(head(INFER, *fields)).answer())
            rig.refused(answer, 413, str(BODY_LIMIT), "--http-max-input-size")
            rig.test.assertNotIn(b" 100 ", wire.ends())


@row("B06", "connections that send a head or a body by drops")
def drops(rig):
    wires = [rig.wire() for _ in range(100)]
    for number in range(5):
        for wire in wires:
            wire.send(post(SIMPLE)[number:number + 1])
    for wire in wires[::2]:
        wire.send(post(SIMPLE)[5:-1])
    rig.good(rig.request("POST", INFER, SIMPLE))
    for wire in wires:
        wire.reset()


@row("B07", "clients that ask for large answers and read none of them")
def unread_answers(rig):
    body = json.dumps({"inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 200_000], "data": [0.123456] * 200_000}]})
    wires = [rig.wire() for _ in range(8)]
    for wire in wires:
        wire.send(post(body.encode(), path="/v2/models/identity_fp32/infer"))
    rig.good(rig.request("POST", INFER, SIMPLE))
    for wire in wires:
        wire.reset()


@row("B08", "bodies that are packed badly, or too well")
def packed(rig):
    good = gzip.compress(SIMPLE)
    packer = zlib.compressobj(zdict=SIMPLE[:64])
    for coding, body, status in (
            ("gzip", gzip.compress(bytes(64 * MIB)), (400, 413)), ("deflate", zlib.compress(bytes(64 * MIB)), (400, 413)),
            ("gzip", gzip.compress(good), 400), ("gzip", good[:-9], 400), ("gzip", good + b"garbage", 400), ("gzip", b"", 400),
            ("gzip", SIMPLE, 400), ("deflate", packer.compress(SIMPLE) + packer.flush(), 400), ("br", SIMPLE, 501),
            ("gzip, gzip", gzip.compress(good), 501), ("GZIP, x", good, 501), ("x" * 1000, good, 501)):
        rig.refused(rig.request("POST", INFER, body, {"Content-Encoding": coding}), status)
    rig.good(rig.request("POST", INFER, good, {"Content-Encoding": "gzip"}))


@row("B09", "requests whose client is gone, wholly or by half")
def gone(rig):
    request = post(SIMPLE)
    with rig.wire() as wire:
        wire.send(request * 200)
    wire = rig.wire()
    wire.send(request * 200).reset()
    answer, closed = rig.exchange(request, half_close=True)
    rig.good(answer)
    rig.test.assertTrue(closed)
    for cut in range(0, len(request), len(request) // 10):
        wire = rig.wire()
        wire.send(request[:cut]).reset()
    with rig.wire() as wire:
        wire.send(request * 20)
        for _ in range(20):
            rig.good(wire.answer())
    # A reset may be seen before or after what came before it, so what was dropped is not counted on.
    rig.errors = None


@row("B10", "paths that mean to leave the repository")
def paths(rig):
    for name in ("..%2f..%2fetc%2fpasswd", "%00", "%c0%ae%c0%ae", "..", ".", "a%2e%2e", "x" * 4000, "%", "simple%00", "~", "$HOME", "*"):
        for path in (f"/v2/models/{name}/infer", f"/v2/models/{name}/versions/1/infer"):
            answer, _ = rig.exchange(post(SIMPLE, path=path))
            rig.refused(answer, (400, 404))
        for path in (f"/v2/models/{name}", f"/v2/models/{name}/config", f"/v2/models/{name}/stats"):
            answer, _ = rig.exchange(head(path, method="GET"))
            rig.refused(answer, (400, 404))
    for path in ("/v2//models/simple", "//v2/models/simple", "/v2/models/simple/", "/v2/models/../v2", "/v2/models/simple/versions/01x",
                 "/v2/models/simple/versions/" + "9" * 400, "/v2/models/simple/versions/-1"):
        answer, _ = rig.exchange(head(path, method="GET"))
        rig.refused(answer, (400, 404))
    for control in ("\x01", "\x7f", "\xff"):
        answer, _ = rig.exchange(head(f"/v2/models/{control}", method="GET"))
        rig.refused(answer, (400, 404))
    answer, _ = rig.exchange(head("/v2/models/" + "x" * 10_000, method="GET"))
    rig.refused(answer, 414)


@contextlib.contextmanager
def traced(rig):
    """A rig on a server of its own, and a function that answers the calls with paths that it has made since the last time."""
    with tempfile.NamedTemporaryFile("r") as calls:
        # The tracer as the grandchild: the process that the rig looks at is the server itself.
        tracer = ("strace", "-D", "-f", "-qq", "-e", "trace=%file", "-e", "signal=none", "-o", calls.name)
        if shutil.which("strace") is None or subprocess.run([*tracer, "true"], capture_output=True, check=False).returncode != 0:
            rig.test.skipTest("strace is missing, or this system lets nobody trace a process")
        with Server(rig.models, "--http-thread-count=2", "--model-control-mode=explicit", "--load-model=simple", prefix=tracer) as server:
            yield Rig(rig.test, server, rig.canary, rig.models), lambda: [line for line in calls.readlines() if "exited with" not in line]


@row("B10_calls", "for paths that mean to leave the repository no file is looked at: the system is asked for none")
def paths_traced(rig):
    with traced(rig) as (watched, calls_with_paths):
        watched.good(watched.request("POST", INFER, SIMPLE))
        calls_with_paths()
        paths(watched)
        for name in ("..%2f..%2fetc", "..", "."):  # of other names a load has to look whether they are there
            watched.request("POST", f"/v2/repository/models/{name}/load")
        rig.test.assertEqual(calls_with_paths(), [])
        watched.good(watched.request("POST", "/v2/repository/models/simple/load"))
        rig.test.assertIn("/simple/1", "".join(calls_with_paths()), "the calls of a load are seen")


@row("B11", "other methods, versions and protocols")
def protocols(rig):
    answer, _ = rig.exchange(head(INFER, method="TRACE"))
    rig.refused(answer, 405)
    rig.test.assertEqual(answer.headers["allow"], "POST")
    rig.cut_off(head("localhost:80", method="CONNECT"), 405)
    rig.cut_off(b"GET /v2\r\n\r\n", 400)
    rig.cut_off(head("/v2", method="GET", version="HTTP/9.9"), (400, 505))
    rig.cut_off(head("/v2", method="GET", version="HTTP/2.0"), (400, 505))
    rig.cut_off(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505))
    rig.cut_off(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300), 400)
    rig.cut_off(bytes(range(256)) * 4096, (400, 414, 431))
    rig.cut_off(b"GET" * 400_000, (400, 414, 431))


@row("B12", "a web page of another site that talks to this machine's server")
def foreign_pages(rig):
    for fields in (("Host: evil.example",), ("Host: 127.0.0.1.evil.example",), ("Host: localhost", "Origin: https://evil.example"),
                   ("Host: localhost", "Origin: null")):
        for method, path in (("GET", "/v2"), ("OPTIONS", INFER), ("GET", "/v2/health/ready")):
            answer, _ = rig.exchange("\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode())
            rig.refused(answer, 403)
            rig.test.assertEqual([name for name in answer.headers if name.startswith("access-control")], [])
    with rig.wire(rig.server.metrics_port) as wire:
        answer = wire.send(b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").answer()
        rig.refused(answer, 403)


# Every door of each group: (method, path).
DOORS = {
    "health": [("GET", "/v2/health/live"), ("GET", "/v2/health/ready"), ("GET", "/v2/models/simple/ready"),
               ("GET", "/v2/models/simple/versions/1/ready")],
    "metadata": [("GET", "/v2"), ("GET", "/v2/models/simple"), ("GET", "/v2/models/simple/versions/1")],
    "inference": [("POST", model + action) for model in ("/v2/models/simple", "/v2/models/simple/versions/1", "/v2/models/none")
                  for action in ("/infer", "/generate", "/generate_stream")],
    "shared-memory": [(method, f"/v2/{kind}sharedmemory{region}/{action}") for kind in ("system", "cuda")
                      for region in ("", "/region/r")
                      for method, action in (("GET", "status"), ("POST", "register"), ("POST", "unregister"))],
    "model-config": [("GET", "/v2/models/simple/config"), ("GET", "/v2/models/simple/versions/1/config")],
    "model-repository": [("POST", "/v2/repository/index"), ("POST", "/v2/repository/r/index")] + [
        ("POST", f"/v2/repository{folder}/models/simple/{action}") for folder in ("", "/r") for action in ("load", "unload")],
    "statistics": [("GET", "/v2/models/stats"), ("GET", "/v2/models/simple/stats"), ("GET", "/v2/models/simple/versions/1/stats")],
    "logging": [("GET", "/v2/logging"), ("POST", "/v2/logging")],
    "trace": [("GET", "/v2/trace/setting"), ("POST", "/v2/trace/setting"), ("GET", "/v2/models/simple/trace/setting"),
              ("POST", "/v2/models/simple/trace/setting")],
}


def restricted(rig, *groups):
    return Server(rig.models, "--model-control-mode=explicit", "--load-model=simple",
                  *[f"--http-restricted-api={group}:{key}={value}" for group, key, value in groups])


@row("B13", "a restricted operation through each of its doors")
def doors(rig):
    def ask(method, path, headers=None):
        return server.request(method, path, "{}" if method == "POST" else None, headers)

    with restricted(rig, *[(group, "X-Key", f"of-{group}") for group in DOORS]) as server:
        for group, entries in DOORS.items():
            right = {"x-kEY": f"of-{group}"}
            for method, path in entries:
                if ask(method, path, right).status == 404 and group == "trace":
                    continue  # a door that is not there
                wrong = "of-logging" if group != "logging" else "of-health"
                for door in ((method, path), (method, f"http://localhost{path}"), (method, path + "?key=of-" + group),
                             ("DELETE", path)):
                    for headers in ({}, {"X-Key": wrong}, {"X-Key": ""}, {"X-Key": f"OF-{group}"}, {"X-Key": f"of-{group}x"}):
                        answer = ask(*door, headers)
                        rig.test.assertEqual((answer.status, answer.headers["content-type"], answer.json()["error"]),
                                             (403, "text/plain", "This API is restricted, expecting header 'X-Key'"), (door, headers))
                rig.test.assertNotEqual(ask(method, path, right).status, 403, (method, path))
        with socket.create_connection(("127.0.0.1", server.http_port)) as twice:
            twice.sendall(head("/v2", "X-Key: of-metadata", "X-Key: wrong", "Connection: close", method="GET"))
            rig.test.assertIn(b" 403 ", twice.recv(100))
        # Its twin over gRPC has an option of its own, and whoever forgets it is told.
        rig.test.assertIn("--grpc-restricted-protocol", server.log_text())


@row("B14", "keys that are wrong, sent twice, or too large")
def keys(rig):
    with restricted(rig, ("inference,statistics", "Authorization", "Bearer secret")) as server:
        for value, status in (("Bearer secret", 200), ("Bearer Bearer secret", 403), ("Bearer secre", 403), ("Bearer secrets", 403),
                              ("secret", 403), ("bearer secret", 403), ("k" * 8000, 403), ("k" * MIB, 431)):
            with socket.create_connection(("127.0.0.1", server.http_port), timeout=60) as wire:
                try:
                    wire.sendall(head("/v2/models/simple/stats", f"Authorization: {value}", "Connection: close", method="GET"))
                except OSError:
                    pass
                rig.test.assertIn(f" {status} ".encode(), wire.recv(100), value[:50])
        answer = server.request("POST", INFER, SIMPLE)
        rig.test.assertEqual(answer.status, 403)
        rig.test.assertNotIn("secret", answer.body.decode() + server.log_text().split("Started HTTPService")[1])
        rig.test.assertEqual(server.request("POST", INFER, SIMPLE, {"authorization": "Bearer secret"}).status, 200)
