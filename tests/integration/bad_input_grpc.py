# SPDX-License-Identifier: Apache-2.0
"""Rows of the bad-input table about gRPC: frames that no client sends, and calls that the stock library makes.

What gRPC itself refuses never reaches the server's code and is counted nowhere. docs/grpc-hardening.md tells what its release
cannot refuse, and what to put before the port.
"""

import contextlib
import struct

import grpc
from bad_input_rig import MIB, row
from tritonclient.grpc import service_pb2 as pb

SERVICE = "/inference.GRPCInferenceService/"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def string(text):
    """A string of HPACK, without Huffman's code."""
    data = text if isinstance(text, bytes) else text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    length, rest = b"\x7f", len(data) - 127
    while rest >= 128:
        length += bytes([rest % 128 + 128])
        rest //= 128
    return length + bytes([rest]) + data


def fields(path, **more):
    """A header block, nothing of it kept in the table."""
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"), ("te", "trailers"),
             ("content-type", "application/grpc"), *[(name.replace("_", "-"), value) for name, value in more.items()]]
    return b"".join(b"\0" + string(name) + string(value) for name, value in pairs)


def opened(rig):
    wire = rig.wire(rig.server.grpc_port)
    wire.send(PREFACE + frame(SETTINGS, 0, 0))
    return wire


def frames(data):
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        yield data[3], data[9:9 + size]
        data = data[9 + size:]


def call(rig, message, compressed=0, length=None, **headers):
    """One ModelInfer by hand: all that the server sends until it has ended the call."""
    with opened(rig) as wire:
        prefix = struct.pack(">BI", compressed, len(message) if length is None else length)
        wire.send(frame(HEADERS, END_HEADERS, 1, fields(SERVICE + "ModelInfer", **headers)))
        wire.send(frame(DATA, END_STREAM, 1, prefix + message))
        return wire.ends()


@contextlib.contextmanager
def channel(rig, **options):
    with grpc.insecure_channel(f"127.0.0.1:{rig.server.grpc_port}", options=list(options.items())) as made:
        yield made


def ask(rig, method, message, **how):
    """A call with bytes for a message: its status and words, or (OK, answer)."""
    with channel(rig) as made:
        try:
            return grpc.StatusCode.OK, made.unary_unary(method)(message, timeout=60, **how)
        except grpc.RpcError as error:
            if error.details():
                rig.check_sentence(error.details())
            return error.code(), error.details()


def infer_request(model="simple", **members):
    request = pb.ModelInferRequest(model_name=model, **members)
    for name in ("INPUT0", "INPUT1"):
        request.inputs.add(name=name, datatype="INT32", shape=[1, 16])
        request.raw_input_contents.append(bytes(64))
    return request


def refused(rig, message, code, *words):
    """ModelInfer, refused by the server's own code."""
    status, sentence = ask(rig, SERVICE + "ModelInfer", message if isinstance(message, bytes) else message.SerializeToString())
    rig.grpc_errors += 1
    rig.test.assertEqual(status, code, sentence)
    for word in words:
        rig.test.assertIn(word, sentence)


def still_serves(rig):
    status, answer = ask(rig, SERVICE + "ModelInfer", infer_request().SerializeToString())
    rig.test.assertEqual(status, grpc.StatusCode.OK, answer)


@row("B31", "streams that are opened and reset at once")
def rapid_reset(rig):
    rig.kept = 64 * MIB  # gRPC's, for its next calls: see docs/grpc-hardening.md
    block = fields(SERVICE + "ServerLive")
    with opened(rig) as wire:
        for first in range(1, 4_000, 200):
            wire.send(b"".join(frame(HEADERS, END_HEADERS, stream, block) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
                               for stream in range(first, first + 200, 2)))
    with opened(rig) as wire:  # more streams at once than are allowed
        wire.send(b"".join(frame(HEADERS, END_HEADERS, stream, block) for stream in range(1, 2000, 2)))
        still_serves(rig)
    rig.grpc_errors = None  # a reset may come before or after its call was looked at


@row("B32", "metadata without end")
def metadata(rig):
    status, _ = ask(rig, SERVICE + "ServerLive", b"", metadata=[("x", "a" * 20_000)])
    rig.test.assertEqual(status, grpc.StatusCode.RESOURCE_EXHAUSTED)
    block = fields(SERVICE + "ServerLive")
    with opened(rig) as wire:  # one entry of the table, named again and again
        bomb = block + b"\x40" + string("x") + string("a" * 3900) + b"\xbe" * 10_000
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb)).ends()
    with opened(rig) as wire:
        wire.send(frame(HEADERS, 0, 1, block))
        for _ in range(2000):
            wire.send(frame(CONTINUATION, 0, 1, b"\0" + string("x") + string("a" * 1000)))
    with opened(rig) as wire:
        wire.send(frame(HEADERS, 0, 1, block) + frame(CONTINUATION, 0, 1) * 50_000)
    with opened(rig) as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, b"\xff" * 1000)).ends()
    still_serves(rig)


@row("B33", "connections that come and go")
def connections(rig):
    for _ in range(500):
        rig.wire(rig.server.grpc_port).reset()
    for noise in (b"", b"GET / HTTP/1.1\r\n\r\n", PREFACE, PREFACE[:10], PREFACE + b"\xff" * 100, bytes(1000)):
        with rig.wire(rig.server.grpc_port) as wire:
            wire.send(noise).half_close()
    still_serves(rig)


@row("B34", "messages that are longer than they are, or packed badly")
def lengths(rig):
    message = infer_request().SerializeToString()
    call(rig, message, length=0xFFFFFFFF)
    call(rig, message, length=len(message) + 1)
    call(rig, message, length=len(message) - 1)
    call(rig, b"no gzip", compressed=1, grpc_encoding="gzip")
    call(rig, message, compressed=1)
    call(rig, message, compressed=7)
    call(rig, message, compressed=1, grpc_encoding="brotli")
    still_serves(rig)
    rig.grpc_errors = None


@row("B35", "messages that are none")
def messages(rig):
    message = infer_request().SerializeToString()
    wrong = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL, grpc.StatusCode.NOT_FOUND)  # of the model ""
    for bytes_ in (message[:-1], message[:1], b"\x08\x01", b"\xff" * 100, b"\x0b" * 10_000, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x01\xff"):
        for method in ("ModelInfer", "ModelConfig", "RepositoryModelLoad"):
            status, words = ask(rig, SERVICE + method, bytes_)
            rig.test.assertNotEqual(status, grpc.StatusCode.OK, (method, bytes_[:20]))
            if method == "ModelInfer":
                rig.test.assertIn(status, wrong, words)
    unknown = b"\xfa\x3e" + b"\x80\x80\x80\x04" + bytes(8 * MIB)  # field 1007
    status, words = ask(rig, SERVICE + "ModelInfer", message + unknown)
    rig.test.assertIn(status, (grpc.StatusCode.OK, *wrong), words)
    rig.grpc_errors = None


@row("B36", "contents that do not belong to the inputs")
def contents(rig):
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    request = infer_request()
    request.raw_input_contents.pop()
    refused(rig, request, invalid)
    request = infer_request()
    request.raw_input_contents.append(b"")  # one too many is passed over, as in Triton
    rig.test.assertEqual(ask(rig, SERVICE + "ModelInfer", request.SerializeToString())[0], grpc.StatusCode.OK)
    request = infer_request()
    request.inputs[0].contents.int_contents.extend([1] * 16)
    refused(rig, request, invalid)
    request = infer_request()
    del request.raw_input_contents[:]
    refused(rig, request, invalid)
    for values in ("fp32_contents", "int64_contents", "bool_contents"):
        request = infer_request()
        del request.raw_input_contents[:]
        for tensor in request.inputs:
            getattr(tensor.contents, values).extend([1] * 16)
        refused(rig, request, invalid)
    request = infer_request()
    request.raw_input_contents[0] = bytes(63)
    refused(rig, request, invalid)
    for shape in ([-1, 16], [2**62, 4], [0, 16], [1] * 65, []):
        request = infer_request()
        request.inputs[0].shape[:] = shape
        refused(rig, request, invalid)
    refused(rig, infer_request(model="../etc"), grpc.StatusCode.NOT_FOUND)
    refused(rig, infer_request(model="x" * 5000), grpc.StatusCode.NOT_FOUND)
    refused(rig, infer_request(model_version="9" * 40), invalid)
    request = infer_request()
    request.inputs[0].name = "a\x1b[2J\n"
    refused(rig, request, invalid)


@row("B37", "streams that ask and do not read, and end anywhere")
def streams(rig):
    message = infer_request().SerializeToString()
    block = fields(SERVICE + "ModelStreamInfer")
    item = struct.pack(">BI", 0, len(message)) + message
    with opened(rig) as wire:
        wire.socket.settimeout(1)  # the window closes, and then the socket
        wire.send(frame(HEADERS, END_HEADERS, 1, block))
        try:
            for _ in range(2000):
                wire.socket.sendall(frame(DATA, 0, 1, item))
        except OSError:
            pass
        still_serves(rig)
    with channel(rig) as made:
        stream = made.stream_stream(SERVICE + "ModelStreamInfer")
        for answers in range(10):
            call = stream(iter([message, infer_request(model="nobody").SerializeToString(), message[:-1]] * 5), timeout=60)
            for _ in range(answers):
                next(call)
            call.cancel()
        answers = stream(iter([message, infer_request(model="nobody").SerializeToString(), message] * 5), timeout=60,
                         metadata=[("triton_grpc_error", "true")])
        rig.test.assertEqual(len(list(answers)), 15)
    rig.grpc_errors = None


@row("B38", "deadlines, services and names that are none")
def deadlines(rig):
    message = infer_request().SerializeToString()
    for timeout in ("99999999H", "0n", "1x", "", "999999999H", "-1S"):
        call(rig, message, grpc_timeout=timeout)
    status, _ = ask(rig, "/nobody.Service/Call", b"")
    rig.test.assertEqual(status, grpc.StatusCode.UNIMPLEMENTED)
    status, _ = ask(rig, SERVICE + "NoSuchCall", b"")
    rig.test.assertEqual(status, grpc.StatusCode.UNIMPLEMENTED)
    status, _ = ask(rig, "/grpc.health.v1.Health/Check", b"\x0a\x03abc")
    rig.test.assertIn(status, (grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND))  # Triton looks at no name
    still_serves(rig)
    rig.grpc_errors = None
