# SPDX-License-Identifier: Apache-2.0
"""Rows of the bad-input table about what a body says: JSON, binary tensors, shared memory, and the APIs beside inference."""

import base64
import json
import os
import pathlib
import struct
import threading

from bad_input_http import INFER, SIMPLE, post
from bad_input_rig import BODY_LIMIT, MIB, row

LENGTH = "Inference-Header-Content-Length"


def tensor(datatype, shape, data, name="INPUT0"):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def one(datatype, shape, data):
    return {"inputs": [tensor(datatype, shape, data)]}


def raw(datatype, shape, data):
    """A body in which shape and data are text already."""
    return f'{{"inputs":[{{"name":"INPUT0","datatype":"{datatype}","shape":{shape},"data":{data}}}]}}'


def text(value):
    return f'{{"inputs":[{{"name":"text","datatype":"BYTES","shape":[1,1],"data":["'.encode() + value + b'"]}]}'


@row("B15", "JSON that is nested for ever")
def nesting(rig):
    rig.refused(rig.infer("simple", b"[" * 1_000_000), 400)
    rig.refused(rig.infer("simple", b'{"a":' * 1_000_000), 400)
    for depth in (101, 1000, 100_000):
        rig.refused(rig.infer("simple", b'{"parameters":{"x":' + b"[" * depth + b"]" * depth + b'}}'), 400)
        rig.refused(rig.infer("identity_int64", raw("INT64", "[1,1]", "[" * depth + "1" + "]" * depth)), 400)
    for path in ("/v2/models/simple/generate", "/v2/repository/models/simple/load", "/v2/logging", "/v2/repository/index",
                 "/v2/systemsharedmemory/region/r/register"):
        rig.refused(rig.request("POST", path, b'{"a":' * 100_000), 400)


@row("B16", "millions of numbers for a tensor that has two")
def many_numbers(rig):
    start = b'{"inputs":[{"name":"INPUT0","datatype":"INT64","shape":[1,2],"data":['
    body = start + b"0," * ((BODY_LIMIT - len(start)) // 2 - 4) + b"0]}]}"
    rig.refused(rig.infer("identity_int64", body), (400, 413))
    rig.refused(rig.infer("identity_bytes", body.replace(b"INT64", b"BYTES", 1)), (400, 413))
    rig.refused(rig.infer("identity_int64", body + b" " * BODY_LIMIT), 413, "--http-max-input-size")


@row("B17", "texts that are no UTF-8, and one with a NUL, which is text")
def encodings(rig):
    for value in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\\ud800", b"\\ud800x", b"\\udc00",
                  b"\\u12", b"\\x41", b"\x01", b"a\nb"):
        rig.refused(rig.infer("minilm", text(value)), 400, "at ")
    rig.refused(rig.infer("minilm", b"\xef\xbb\xbf" + text(b"a")), 400)
    rig.refused(rig.infer("minilm", text(b"a").decode().encode("utf-16")), 400)
    rig.good(rig.infer("minilm", text(b"a\\u0000b")))
    rig.good(rig.infer("minilm", text(b"\\ud83d\\ude00")))


@row("B18", "members, inputs and outputs that come twice")
def twice(rig):
    good = json.loads(SIMPLE)
    rig.refused(rig.infer("simple", {"inputs": good["inputs"] + good["inputs"][:1]}), 400)
    both = SIMPLE.decode()[:-1] + ', "inputs": []}'
    answer = rig.infer("simple", both)
    rig.test.assertIn(answer.status, (200, 400))  # Triton's rule: the first counts
    rig.test.assertIn(rig.infer("simple", {**good, "outputs": [{"name": "OUTPUT0"}] * 2}).status, (200, 400))


@row("B19", "numbers that are none of their type")
def numbers(rig):
    for datatype, model, values in (
            ("FP32", "identity_fp32", ("true", '"1"', "null", "{}", "1.", ".5", "01", "1e", "0x1", "+1")),
            ("INT64", "identity_int64", ("3.7", "18446744073709551616", "9223372036854775808", "-9223372036854775809", "1e400", '"1"',
                                         "true", "null", "1e2x", "-", "NaN")),
            ("UINT8", "identity_uint8", ("256", "-1", "1.5", '"a"', "1e400"))):
        for value in values:
            rig.refused(rig.infer(model, raw(datatype, "[1,1]", f"[{value}]")), 400)
    rig.refused(rig.infer("identity_fp32", raw("FP32", "[1,1]", "[1e400]")), 400)
    rig.good(rig.infer("identity_fp32", raw("FP32", "[1,2]", "[NaN, -Infinity]")))  # as Triton


@row("B20", "shapes that are none")
def shapes(rig):
    for shape in ("[-1,8]", "[0]", "[9223372036854775807,2]", "[4611686018427387904,4]", str([1] * 65), '["1"]', "[1.5]", "1", "null", "{}",
                  "[]", "[[1,1]]", "[1,-9223372036854775808]", "[18446744073709551615,1]", "[1e3,1]", "[true,1]"):
        rig.refused(rig.infer("identity_int64", raw("INT64", shape, "[1]")), 400)
        header = raw("INT64", shape, "[]").replace('"data":[]', '"parameters":{"binary_data_size":8}').encode()
        rig.refused(rig.infer("identity_int64", header + bytes(8), {LENGTH: str(len(header))}), 400)


@row("B21", "fewer or more values than the shape says")
def counts(rig):
    rig.refused(rig.infer("identity_int64", raw("INT64", "[1,1000000000]", "[1,2,3]")), 400, "3", "1000000000")
    rig.refused(rig.infer("identity_int64", raw("INT64", "[2,2]", "[1,2,3]")), 400, "3", "4")
    rig.refused(rig.infer("identity_int64", raw("INT64", "[2,2]", "[1,2,3,4,5]")), 400, "5", "4")
    rig.refused(rig.infer("identity_int64", raw("INT64", "[2,2]", "[[1,2],[3]]")), 400)
    rig.refused(rig.infer("identity_bytes", raw("BYTES", "[1,3]", '["a","b"]')), 400)
    for data in ("{}", "1", '"a"', "null", "[[1,2],{}]"):
        rig.refused(rig.infer("identity_int64", raw("INT64", "[1,2]", data)), 400)


@row("B22", "parameters that are none")
def parameters(rig):
    good = json.loads(SIMPLE)
    for parameters in ({"timeout": -1}, {"timeout": "x"}, {"timeout": 1.5}, {"priority": 2**64}, {"priority": -1}, {"sequence_id": {}},
                       {"sequence_id": -1}, {"sequence_start": 1}, {"sequence_end": "yes"}, {"x": {}}, {"x": []}, {"x": None},
                       {"binary_data_output": "yes"}, {"triton_x": 1}):
        rig.refused(rig.infer("simple", {**good, "parameters": parameters}), 400)
    for parameters in ([], 1, "x", None):
        rig.refused(rig.infer("simple", {**good, "parameters": parameters}), 400)


@row("B23", "an id that is long, or would write lines of its own into the log")
def ids(rig):
    good = json.loads(SIMPLE)
    rig.refused(rig.infer("simple", {**good, "id": "x" * MIB}), 400, "4096")
    for value in (1, None, {}, []):
        rig.refused(rig.infer("simple", {**good, "id": value}), 400)
    for name in ("x" * 4096, "a\nE1124 00:00:00 forged\x1b[2J\r\0"):
        answer = rig.infer("simple", {**good, "id": name})
        rig.good(answer)
        rig.test.assertEqual(answer.json()["id"], name)
    rig.refused(rig.infer("simple\x1b[2J".replace("\x1b", "%1b"), SIMPLE), 404)


@row("B24", "documents that are none: a good request cut at every byte")
def documents(rig):
    for body in (b"", b"null", b"[]", b"{}{}", b"{}", b"0", b'""', b"\0", b"{" * 3, SIMPLE + SIMPLE, SIMPLE + b"x", b'{"inputs":null}',
                 b'{"inputs":{}}', b'{"inputs":[]}', b'{"inputs":[null]}', b'{"inputs":[{}]}', b'{"inputs":[1]}'):
        rig.refused(rig.infer("simple", body), 400)
    before = rig.server.counted("nv_inference_request_success", model="simple")
    with rig.wire() as wire:
        for cut in range(1, len(SIMPLE)):
            rig.refused(rig.noted(wire.send(post(SIMPLE[:cut])).answer()), 400)
    rig.test.assertEqual(rig.server.counted("nv_inference_request_success", model="simple"), before)


def binary_int64(size, shape=(1, 2)):
    return json.dumps({"inputs": [{"name": "INPUT0", "datatype": "INT64", "shape": list(shape),
                                   "parameters": {"binary_data_size": size}}]}).encode()


@row("B25", "lengths of the JSON part that are none")
def header_lengths(rig):
    header = binary_int64(16)
    for length in (str(len(header) + 17), "-1", "1e3", "18446744073709551616", "9223372036854775808", "", " ", "0x10", "1.0",
                   f"{len(header)} {len(header)}", "999999999999999999999999999999"):
        rig.refused(rig.infer("identity_int64", header + bytes(16), {LENGTH: length}), 400)
    answer, _ = rig.exchange(post(header + bytes(16), f"{LENGTH}: {len(header)}", f"{LENGTH}: 5", path="/v2/models/identity_int64/infer"))
    rig.refused(answer, 400)
    for length in range(0, len(header)):
        rig.refused(rig.infer("identity_int64", header + bytes(16), {LENGTH: str(length)}), 400)


@row("B26", "sizes of binary tensors that are not those of their shape, or of the body")
def binary_sizes(rig):
    def ask(model, header, tail):
        return rig.infer(model, header + tail, {LENGTH: str(len(header))})

    rig.refused(ask("identity_int64", binary_int64(8), bytes(8)), 400, "8", "16")
    rig.refused(ask("identity_int64", binary_int64(24), bytes(24)), 400, "24", "16")
    rig.refused(ask("identity_int64", binary_int64(16), bytes(12)), 400, "4")
    rig.refused(ask("identity_int64", binary_int64(16), bytes(20)), 400)
    rig.refused(ask("identity_int64", binary_int64(16, (1, 2**60)), bytes(16)), 400)
    for size in (-1, 2**64, 1.5, "16", None, True, 2**63):
        rig.refused(ask("identity_int64", binary_int64(size), bytes(16)), 400)
    both = json.loads(binary_int64(16))
    both["inputs"][0]["data"] = [1, 2]
    rig.refused(ask("identity_int64", json.dumps(both).encode(), bytes(16)), 400)


@row("B27", "strings in binary form that end elsewhere")
def binary_strings(rig):
    for shape, tail in (([1, 1], b"\xff\xff\xff\xffab"), ([1, 1], b"\x02\0\0"), ([1, 1], b"\x02\0\0\0a"), ([1, 1], b"\x02\0\0\0abccc"),
                        ([1, 2], b"\x01\0\0\0a"), ([1, 1], b"\x01\0\0\0a\x01\0\0\0b"), ([1, 1], b""), ([1, 2**40], b"\0\0\0\0")):
        header = json.dumps({"inputs": [{"name": "INPUT0", "datatype": "BYTES", "shape": shape,
                                         "parameters": {"binary_data_size": len(tail)}}]}).encode()
        rig.refused(rig.infer("identity_bytes", header + tail, {LENGTH: str(len(header))}), 400)


@row("B28", "token ids, masks and types that the model has not")
def tokens(rig):
    def ask(row, mask=None, types=None, shape=None):
        inputs = [tensor("INT64", shape or [1, len(row)], row, "input_ids")]
        for name, values in (("attention_mask", mask), ("token_type_ids", types)):
            if values is not None:
                inputs.append(tensor("INT64", shape or [1, len(values)], values, name))
        return rig.infer("minilm", {"inputs": inputs})

    for bad in (30522, -1, -2**63, 2**63 - 1, 2**32 + 5):
        rig.refused(ask([101, bad, 102]), 400, str(bad))
        rig.refused(ask([101, 5, 102, 101, bad, 102], shape=[2, 3]), 400, str(bad), "1")
    rig.refused(ask([101, 5, 102], mask=[1, 2, 1]), 400, "2")
    rig.refused(ask([101, 5, 102], mask=[0, 0, 0]), 400)
    rig.refused(ask([101, 5, 102], mask=[-1, -1, -1]), 400)
    rig.refused(ask([101, 5, 102], types=[0, 5, 0]), 400, "5")
    rig.refused(ask([101, 5, 102], types=[0, -1, 0]), 400, "-1")
    rig.good(ask([101, 30521, 102]))


def register(rig, name, **members):
    return rig.request("POST", f"/v2/systemsharedmemory/region/{name}/register", members)


@row("B29", "regions of shared memory that are none, or not the client's")
def regions(rig):
    path = pathlib.Path(f"/dev/shm/neso_bad_input_{os.getpid()}")
    path.write_bytes(bytes(4096))
    key = f"/{path.name}"
    try:
        for bad in ("/../etc/passwd", "/dev/../etc/passwd", "../x", "//x", "/", "", "/" + "x" * 300, "/a\nb", "/a\x1b[2J", "/a b/../c",
                    "/triton_python_backend_shm_region_1", "/nobody_has_this", "/.", "/.."):
            answer = register(rig, "r", key=bad, byte_size=64)
            rig.refused(answer, (400, 500))
            rig.test.assertNotIn("/dev/shm", answer.body.decode())
        for members in ({"byte_size": 4097}, {"offset": 4096, "byte_size": 1}, {"offset": 2**64 - 1, "byte_size": 64},
                        {"offset": 2**63, "byte_size": 2**63}, {"byte_size": 0}, {"byte_size": -1}, {"byte_size": "64"}, {"byte_size": 1.5}, {}):
            rig.refused(register(rig, "r", key=key, **members), (400, 500))
        for body in (b"", b"[]", b"{", b'{"key":1,"byte_size":1}', b"null"):
            rig.refused(rig.request("POST", "/v2/systemsharedmemory/region/r/register", body), 400)
        rig.good(register(rig, "r", key=key, byte_size=128))
        rig.refused(register(rig, "r", key=key, byte_size=64), 400)
        for region, offset, size in (("r", 0, 129), ("r", 128, 1), ("r", 2**64 - 1, 64), ("r", 2**63, 2**63), ("other", 0, 64)):
            inputs = json.loads(SIMPLE)["inputs"]
            del inputs[0]["data"]
            inputs[0]["parameters"] = {"shared_memory_region": region, "shared_memory_offset": offset, "shared_memory_byte_size": size}
            rig.refused(rig.infer("simple", {"inputs": inputs}), (400, 404))
        rig.good(rig.request("POST", "/v2/systemsharedmemory/region/r/unregister"))
        rig.good(rig.request("POST", "/v2/systemsharedmemory/region/r/unregister"))
        for body in ({}, {"raw_handle": {"b64": "x"}, "byte_size": 64, "device_id": 0}, {"raw_handle": 1}):
            rig.refused(rig.request("POST", "/v2/cudasharedmemory/region/c/register", body), 400)
    finally:
        path.unlink()


@row("B30", "an object that is cut while the server reads from it")
def cut_regions(rig):
    path = pathlib.Path(f"/dev/shm/neso_bad_input_{os.getpid()}")
    path.write_bytes(bytes(4096))
    over = threading.Event()

    def flap():
        while not over.is_set():
            os.truncate(path, 0)
            os.truncate(path, 4096)

    flapping = threading.Thread(target=flap)
    try:
        rig.good(register(rig, "r", key=f"/{path.name}", byte_size=4096))
        inputs = json.loads(SIMPLE)["inputs"]
        for number, tensor in enumerate(inputs):
            del tensor["data"]
            tensor["parameters"] = {"shared_memory_region": "r", "shared_memory_offset": 64 * number, "shared_memory_byte_size": 64}
        flapping.start()
        statuses = {rig.infer("simple", {"inputs": inputs}).status for _ in range(100)}
        over.set()
        flapping.join()
        rig.test.assertLessEqual(statuses, {200, 400})
        os.truncate(path, 70)
        rig.refused(rig.infer("simple", {"inputs": inputs}), 400, "70")
    finally:
        over.set()
        rig.request("POST", "/v2/systemsharedmemory/region/r/unregister")
        path.unlink()


@row("B45", "loads with foreign files, or more than there is room for")
def loads(rig):
    def load(parameters, model="simple"):
        return rig.request("POST", f"/v2/repository/models/{model}/load", {"parameters": parameters})

    config = json.dumps({"max_batch_size": 8})
    graph = base64.b64encode((rig.models / "simple/1/model.onnx").read_bytes()).decode()
    for parameters in ({"config": config, "file:1/../../x": graph}, {"config": config, "file:/tmp/x": graph}, {"config": config, "file:": graph},
                       {"config": config, "file:..": graph}, {"config": config, "file:1/model.onnx": "not base64!"},
                       {"config": config, "file:1/model.onnx": 5}, {"file:1/model.onnx": graph}, {"config": "not json"}, {"config": "[]"},
                       {"config": 5}, {"config": "{}" * 3}, {"config": json.dumps({"max_batch_size": "x"})}, {"config": json.dumps({"nonsense": 1})},
                       {"config": "[" * 100_000}, {"config": config, "file:1/" + "x" * 300: graph}, {"config": config, "file:1/a\0b": graph}):
        rig.refused(load(parameters), (400, 500))
    for body in (b"{", b'{"parameters":{"config":', b"\xff"):
        rig.refused(rig.request("POST", "/v2/repository/models/simple/load", body), 400)
    for model in ("..%2fx", "nobody", "..", "%00", "x" * 300):
        rig.refused(load({}, model), (400, 404, 500))  # 500 is Triton's
    rig.refused(rig.request("POST", "/v2/repository/models/simple/load", b'{"parameters":{"file:1/model.onnx":"' + b"A" * BODY_LIMIT), 413)
    clients = [threading.Thread(target=lambda: rig.server.request("POST", "/v2/repository/models/simple/load")) for _ in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    rig.good(rig.infer("simple", SIMPLE))


@row("B46", "log and trace files at any path")
def files(rig):
    for path in ("/tmp/neso-forged", "../x", "", "/etc/passwd"):
        rig.refused(rig.request("POST", "/v2/logging", {"log_file": path}), 501)
        if rig.server.get("/v2/trace/setting").status != 404:
            rig.refused(rig.request("POST", "/v2/trace/setting", {"trace_file": path}), 501)
        else:
            rig.errors += 1  # the look at a door that is not there
    for body in (b"", b"{", b'{"log_info":1}', b'{"log_verbose_level":-1}', b'{"log_verbose_level":"x"}', b'{"log_format":"x"}',
                 b'{"log_format":1}'):
        rig.refused(rig.request("POST", "/v2/logging", body), (400, 503))
    rig.test.assertFalse(pathlib.Path("/tmp/neso-forged").exists())
