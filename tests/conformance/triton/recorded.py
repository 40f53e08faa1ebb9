# SPDX-License-Identifier: Apache-2.0
"""Recorded cases: reading them, sending their requests over HTTP, and judging an answer against Triton's.

A line of a file is a case: {"name", "refusal"?, "steps": [{"request", "response", "volatile"?}]}. A request has method,
path, headers, and body or body_b64; shm_write fills a POSIX shared memory object before it is sent, shm_read reads one
after it, shm_unlink removes some. `volatile` are patterns of JSON paths whose values may differ, though not their types.

Equal is: JSON by value, numbers of 32 bits as 32 bits, models of a list in any order. A Python model's backend, platform
and file are those of an ONNX one here. An error that Triton answers with 500 may be any 400 or 500 that says something. A
case with "refusal" ends a real Triton: any 4xx will do.
"""

import base64
import gzip
import http.client
import json
import math
import pathlib
import re
import struct
import zlib

SHARED_MEMORY = pathlib.Path("/dev/shm")
COMPARED_HEADERS = ("content-type", "inference-header-content-length", "content-encoding", "allow")
NARROW = {"FP32": "<f", "FP16": "<e", "BF16": "<f"}
# What the recordings' models say of themselves -> what the same ones say as ONNX graphs.
AS_ONNX = {("backend", "python"): "onnxruntime", ("platform", "python"): "onnxruntime_onnx",
           ("platform", ""): "onnxruntime_onnx", ("default_model_filename", "model.py"): "model.onnx"}
TIMEOUT_S = 60


def read_cases(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line]


class Answer:
    def __init__(self, status, headers, body, shared=None):
        self.status, self.headers, self.shared, self.content = status, headers, shared, body
        coding = headers.get("content-encoding")
        if coding == "gzip":
            body = gzip.decompress(body)
        elif coding == "deflate":
            body = zlib.decompress(body)
        length = int(headers.get("inference-header-content-length", len(body)))
        self.binary = body[length:]
        try:
            self.document = json.loads(body[:length])
        except ValueError:
            self.document = body[:length].decode("latin-1")

    @staticmethod
    def recorded(response):
        body = base64.b64decode(response["body_b64"]) if "body_b64" in response else response.get("body", "").encode()
        shared = base64.b64decode(response["shm_b64"]) if "shm_b64" in response else None
        return Answer(response["status"], response["headers"], body, shared)


def fill_shared_memory(name, size, offset=0, b64=""):
    path, data = SHARED_MEMORY / name, base64.b64decode(b64)
    if not path.exists():
        path.write_bytes(bytes(size))
    with path.open("r+b") as memory:
        memory.seek(offset)
        memory.write(data)


def send(port, request):
    if write := request.get("shm_write"):
        fill_shared_memory(write["key"], write["size"], write.get("offset", 0), write.get("b64", ""))
    body = base64.b64decode(request["body_b64"]) if "body_b64" in request else request.get("body", "").encode() or None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(request["method"], request["path"], body, request.get("headers", {}))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        content, shared = response.read(), None
    finally:
        connection.close()
        if read := request.get("shm_read"):
            memory = (SHARED_MEMORY / read["key"]).read_bytes()
            shared = memory[read["offset"]:read["offset"] + read["size"]]
        for name in request.get("shm_unlink", []):
            (SHARED_MEMORY / name).unlink(missing_ok=True)
    return Answer(response.status, headers, content, shared)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same_number(a, b, datatype):
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    if datatype not in NARROW or not (math.isfinite(a) and math.isfinite(b)):
        return False
    try:
        return struct.pack(NARROW[datatype], a) == struct.pack(NARROW[datatype], b)
    except OverflowError:
        return False


def in_order(values):
    """Models of a list, in an order of their own."""
    if values and all(isinstance(value, dict) and "name" in value for value in values):
        return sorted(values, key=lambda value: (value["name"], str(value.get("version"))))
    return values


def differences(want, got, volatile=(), path="", datatype=""):
    """Sentences about what differs."""
    member = path.rsplit("/", 1)[-1]
    if any(re.search(pattern, path) for pattern in volatile):
        alike = type(want) is type(got) or is_number(want) and is_number(got)
        return [] if alike else [f"{path} is of another type: {got!r:.80}"]
    if isinstance(want, dict) and isinstance(got, dict):
        datatype = want.get("datatype", datatype)
        found = [f"{path}/{name} is missing, {want[name]!r:.80}" for name in want.keys() - got.keys()]
        # Triton's ONNX backend completes dynamic_batching, the recordings' Python one does not. An empty platform is left
        # out of gRPC's messages.
        found += [f"{path}/{name} is too much, {got[name]!r:.80}" for name in got.keys() - want.keys()
                  if name != "dynamic_batching" and AS_ONNX.get((name, "")) != got[name]]
        for name in want.keys() & got.keys():
            found += differences(want[name], got[name], volatile, f"{path}/{name}", datatype)
        return found
    if isinstance(want, list) and isinstance(got, list):
        if member == "extensions":
            want, got = sorted(want), sorted(got)
        elif member in ("", "model_stats", "models"):
            want, got = in_order(want), in_order(got)
        if len(want) != len(got):
            return [f"{path} has {len(got)} elements, not {len(want)}"]
        return [line for i, pair in enumerate(zip(want, got))
                for line in differences(*pair, volatile, f"{path}/{i}", datatype)]
    if is_number(want) and is_number(got):
        return [] if same_number(want, got, datatype) else [f"{path} is {got!r}, not {want!r}"]
    if type(want) is type(got) and want == got:
        return []
    if isinstance(want, str) and AS_ONNX.get((member, want)) == got:
        return []
    return [f"{path or 'the body'} is {got!r:.200}, not {want!r:.200}"]


def judge(step, got):
    want = Answer.recorded(step["response"])
    if want.status == 500 and got.status in (400, 500):
        told = isinstance(got.document, dict) and got.document.get("error")
        return [] if told else [f"an error without a sentence: {got.document!r:.120}"]
    found = [] if want.status == got.status else [f"status {got.status}, not {want.status}"]
    for name in COMPARED_HEADERS:
        if name in want.headers and want.headers[name] != got.headers.get(name):
            # A length of JSON depends on how its numbers are written.
            if name != "inference-header-content-length" or name not in got.headers:
                found.append(f"{name}: {got.headers.get(name)!r}, not {want.headers[name]!r}")
    found += differences(want.document, got.document, step.get("volatile", ()))
    if want.binary != got.binary:
        found.append(f"{len(got.binary)} binary bytes {got.binary[:16].hex()}, not {len(want.binary)} {want.binary[:16].hex()}")
    if want.shared != got.shared:
        found.append("other bytes in shared memory")
    return found


def replay(port, case):
    """Sends a case's requests; answers what differs from Triton, step by step."""
    found = []
    for number, step in enumerate(case["steps"]):
        got = send(port, step["request"])
        if case.get("refusal"):
            lines = [] if 400 <= got.status < 500 else [f"status {got.status} is no refusal"]
        else:
            lines = judge(step, got)
        found += [f"step {number}: {line}" for line in lines]
    return found
