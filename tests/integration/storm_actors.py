# SPDX-License-Identifier: Apache-2.0
"""The clients of the storm. Each does one thing over and over, at random times and in random forms, and knows for each of
its requests the one right answer. Nothing here waits for another actor."""

import contextlib
import http.client
import json
import mmap
import os
import pathlib
import queue
import socket
import struct

import numpy as np
import tritonclient.grpc as triton
from neso_server import PATIENCE_S
from tritonclient.utils import InferenceServerException

STEADY, RUDE, SHARED, SWITCHED, FLEETING, TEXTS = "steady", "rude", "shared", "switched", "fleeting", "texts"
# What is said of a model that is being unloaded, or was.
GONE = {f"{status} Request for unknown model: '{FLEETING}' has no available versions" for status in ("404", "StatusCode.NOT_FOUND")}

ACTORS = []


def actor(count=1):
    """Puts a function (storm, random) into the list; so many of it run at once."""
    def register(function):
        ACTORS.extend([function] * count)
        return function
    return register


# --- requests and answers --------------------------------------------------------------------------------------------


def connect(storm):
    return http.client.HTTPConnection("127.0.0.1", storm.server.http_port, timeout=PATIENCE_S)


def connect_grpc(storm):
    return triton.InferenceServerClient(f"127.0.0.1:{storm.server.grpc_port}")


def binary_body(name, datatype, shape, content, output):
    """A body with one binary tensor, and the headers that belong to it."""
    header = json.dumps({"inputs": [{"name": name, "datatype": datatype, "shape": shape,
                                     "parameters": {"binary_data_size": len(content)}}],
                         "outputs": [{"name": output, "parameters": {"binary_data": True}}]}).encode()
    return header + content, {"Inference-Header-Content-Length": str(len(header))}


def infer_request(model, values, binary):
    """(path, body, headers) for values of FP32."""
    path = f"/v2/models/{model}/infer"
    if binary:
        return path, *binary_body("INPUT0", "FP32", values.shape, values.tobytes(), "OUTPUT0")
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": values.shape, "data": values.ravel().tolist()}
    return path, json.dumps({"inputs": [tensor]}), {}


def read_infer(answer, body):
    """(version, values) of an answer that is good."""
    size = int(answer.headers.get("Inference-Header-Content-Length", len(body)))
    document = json.loads(body[:size])
    (output,) = document["outputs"]
    data = np.frombuffer(body[size:], "<f4") if size < len(body) else np.array(output["data"], "<f4")
    return int(document["model_version"]), data.reshape(output["shape"])


def ask_http(connection, model, values, binary):
    """(version, values), or the sentence of a refusal."""
    connection.request("POST", *infer_request(model, values, binary))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 200:
        return read_infer(answer, body)
    return f"{answer.status} {json.loads(body)['error']}"


def tensor_of(values, name="INPUT0", datatype="FP32"):
    tensor = triton.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    return tensor


def result_of(result):
    return int(result.get_response().model_version), result.as_numpy("OUTPUT0")


def ask_grpc(client, model, values):
    try:
        return result_of(client.infer(model, [tensor_of(values)]))
    except InferenceServerException as error:
        return f"{error.status()} {error.message()}"


@contextlib.contextmanager
def asker(storm, random):
    """A function (model, values) over HTTP or gRPC, on a connection of its own."""
    if random.random() < 0.5:
        with contextlib.closing(connect(storm)) as connection:
            yield lambda model, values: ask_http(connection, model, values, random.random() < 0.5)
    else:
        with connect_grpc(storm) as client:
            yield lambda model, values: ask_grpc(client, model, values)


def check(storm, model, values, answer, factor=lambda version: 1):
    """The answer must be the values themselves, times a factor of the version."""
    if isinstance(answer, str):
        return storm.mistake(f"{model}: {answer}")
    storm.count(model, "success")
    if not np.array_equal(answer[1], values * np.float32(factor(answer[0]))):
        storm.mistake(f"{model}: asked {values.ravel()[:4]}, version {answer[0]} answered {answer[1].ravel()[:4]}")


# --- clients that behave ---------------------------------------------------------------------------------------------


@actor(3)
def ask_the_steady_model(storm, random):
    with asker(storm, random) as ask:
        for _ in storm.turns():
            values = storm.values(random)
            check(storm, STEADY, values, ask(STEADY, values))


@actor()
def many_calls_at_once(storm, random):
    with connect_grpc(storm) as client:
        for _ in storm.turns():
            answers = queue.Queue()
            sent = [storm.values(random) for _ in range(random.randint(1, 32))]
            for number, values in enumerate(sent):
                client.async_infer(STEADY, [tensor_of(values)], callback=lambda result, error: answers.put((result, error)),
                                   request_id=str(number))
            for _ in sent:
                result, error = answers.get(timeout=PATIENCE_S)
                if error is not None:
                    storm.mistake(f"a call beside others: {error}")
                    continue
                check(storm, STEADY, sent[int(result.get_response().id)], result_of(result))


@actor()
def a_stream_is_answered_in_order(storm, random):
    for _ in storm.turns():
        answers = queue.Queue()
        sent = [storm.values(random) for _ in range(random.randint(1, 20))]
        with connect_grpc(storm) as client:
            client.start_stream(callback=lambda result, error: answers.put((result, error)))
            for values in sent:
                client.async_stream_infer(STEADY, [tensor_of(values)])
            for values in sent:
                result, error = answers.get(timeout=PATIENCE_S)
                if error is not None:
                    storm.mistake(f"in a stream: {error}")
                    break
                check(storm, STEADY, values, result_of(result))
            client.stop_stream()


@actor(2)
def embed(storm, random):
    with contextlib.closing(connect(storm)) as connection, connect_grpc(storm) as client:
        for _ in storm.turns():
            wanted = random.sample(sorted(storm.vectors), random.randint(1, 6))
            if random.random() < 0.5:
                tensor = {"name": "text", "datatype": "BYTES", "shape": [len(wanted), 1], "data": wanted}
                connection.request("POST", f"/v2/models/{TEXTS}/infer", json.dumps({"inputs": [tensor]}))
                answer = connection.getresponse()
                body = answer.read()
                vectors = read_infer(answer, body)[1] if answer.status == 200 else None
            else:
                texts = np.array([[text.encode()] for text in wanted], dtype=np.object_)
                vectors = client.infer(TEXTS, [tensor_of(texts, "text", "BYTES")]).as_numpy("embeddings")
            expected = np.array([storm.vectors[text] for text in wanted])
            if vectors is None or vectors.shape != expected.shape or not np.allclose(vectors, expected, atol=1e-5):
                storm.mistake(f"not the vectors of {wanted}: {vectors if vectors is not None else body}")
            storm.count(TEXTS, "success")


@actor()
def shared_memory(storm, random):
    name = f"neso_storm_{os.getpid()}_{storm.number()}"
    path = pathlib.Path("/dev/shm", name)
    path.write_bytes(bytes(256))
    try:
        with contextlib.closing(connect(storm)) as connection, open(path, "r+b") as file, \
                mmap.mmap(file.fileno(), 256) as memory:
            for _ in storm.turns():
                share_once(storm, connection, random, name, memory)
    finally:
        path.unlink()


def share_once(storm, connection, random, name, memory):
    def post(path, body):
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        sentence = answer.read()
        if answer.status != 200:
            storm.mistake(f"shared memory, {path}: {sentence}")

    def at(offset):
        return {"shared_memory_region": name, "shared_memory_offset": offset, "shared_memory_byte_size": 64}

    post(f"/v2/systemsharedmemory/region/{name}/register", {"key": f"/{name}", "byte_size": 256})
    for _ in range(random.randint(1, 5)):
        first, second = (np.array([random.randrange(1 << 20) for _ in range(16)], "<i4") for _ in range(2))
        memory[:128] = first.tobytes() + second.tobytes()
        inputs = [{"name": f"INPUT{i}", "datatype": "INT32", "shape": [1, 16], "parameters": at(64 * i)} for i in range(2)]
        outputs = [{"name": f"OUTPUT{i}", "parameters": at(128 + 64 * i)} for i in range(2)]
        post(f"/v2/models/{SHARED}/infer", {"inputs": inputs, "outputs": outputs})
        storm.count(SHARED, "success")
        if memory[128:] != (first + second).tobytes() + (first - second).tobytes():
            storm.mistake("shared memory: another answer than the sum and the difference")
    post(f"/v2/systemsharedmemory/region/{name}/unregister", {})


# --- clients that do not ---------------------------------------------------------------------------------------------


@actor()
def cancel(storm, random):
    with connect_grpc(storm) as client:
        for _ in storm.turns():
            answers = queue.Queue()
            values = storm.values(random)
            storm.count(RUDE, "sent")
            call = client.async_infer(RUDE, [tensor_of(values)], callback=lambda result, error: answers.put((result, error)))
            storm.pause(random.random() * 0.005)
            call.cancel()
            result, error = answers.get(timeout=PATIENCE_S)
            if error is None:
                check(storm, RUDE, values, result_of(result))
            elif error.status() != "StatusCode.CANCELLED":
                storm.mistake(f"a call that was cancelled: {error}")


@actor(2)
def disconnect(storm, random):
    for _ in storm.turns():
        path, body, headers = infer_request(RUDE, storm.values(random), random.random() < 0.5)
        body = body if isinstance(body, bytes) else body.encode()
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        whole = head.encode() + body
        storm.count(RUDE, "sent")
        with socket.create_connection(("127.0.0.1", storm.server.http_port)) as client:
            if random.random() < 0.5:  # the server is told at once
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(whole[:random.choice((random.randint(0, len(whole)), len(whole)))])
            storm.pause(random.random() * 0.005)


@actor()
def read_slowly(storm, random):
    for _ in storm.turns():
        values = storm.values(random, 1 << 18)
        path, body, headers = infer_request(STEADY, values, True)
        with contextlib.closing(connect(storm)) as connection:
            connection.connect()
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            pieces = []
            while piece := answer.read(random.randint(1, 1 << 17)):
                pieces.append(piece)
                storm.pause(random.random() * 0.01)
            content = b"".join(pieces)
            check(storm, STEADY, values, read_infer(answer, content) if answer.status == 200 else f"{answer.status} {content}")


@actor()
def write_slowly(storm, random):
    for _ in storm.turns():
        values = storm.values(random)
        path, body, headers = infer_request(STEADY, values, True)
        with contextlib.closing(connect(storm)) as connection:
            connection.putrequest("POST", path)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders()
            while body:
                cut = random.randint(1, max(1, len(body) // 4))
                connection.send(body[:cut])
                body = body[cut:]
                storm.pause(random.random() * 0.005)
            answer = connection.getresponse()
            content = answer.read()
            check(storm, STEADY, values, read_infer(answer, content) if answer.status == 200 else f"{answer.status} {content}")


# --- operators -------------------------------------------------------------------------------------------------------


def control(storm, client, verb, model):
    try:
        getattr(client, f"{verb}_model")(model)
    except InferenceServerException as error:
        storm.mistake(f"{verb} {model}: {error}")


@actor()
def switch_versions(storm, random):
    with connect_grpc(storm) as client:
        for _ in storm.turns():
            storm.switch()
            control(storm, client, "load", SWITCHED)
            storm.count(SWITCHED, "switches")
            storm.pause(random.random() * 0.05)


@actor(2)
def ask_the_switched_model(storm, random):
    with asker(storm, random) as ask:
        for _ in storm.turns():
            values = storm.values(random)
            check(storm, SWITCHED, values, ask(SWITCHED, values), factor=lambda version: version)


@actor()
def load_and_unload(storm, random):
    with connect_grpc(storm) as client:
        for _ in storm.turns():
            control(storm, client, "unload", FLEETING)
            storm.pause(random.random() * 0.03)
            control(storm, client, "load", FLEETING)
            storm.pause(random.random() * 0.03)
        control(storm, client, "load", FLEETING)


@actor(2)
def ask_the_fleeting_model(storm, random):
    with asker(storm, random) as ask:
        for _ in storm.turns():
            values = storm.values(random)
            answer = ask(FLEETING, values)
            if isinstance(answer, str) and answer in GONE:
                storm.count(FLEETING, "refused")
            else:
                check(storm, FLEETING, values, answer)


@actor()
def scrape(storm, random):
    last = 0
    for _ in storm.turns():
        look = random.choice(("metrics", "statistics", "index"))
        if look == "metrics":
            lines = [line for line in storm.server.metrics().splitlines() if not line.startswith("#")]
            for line in lines:
                float(line.rsplit(" ", 1)[1])
        elif look == "statistics":
            answer = storm.server.get(f"/v2/models/{STEADY}/stats")
            count = answer.json()["model_stats"][0]["inference_stats"]["success"]["count"]
            if count < last:
                storm.mistake(f"a counter went back, from {last} to {count}")
            last = count
        else:
            names = {entry["name"] for entry in storm.server.request("POST", "/v2/repository/index").json()}
            if not {STEADY, SWITCHED, FLEETING} <= names:
                storm.mistake(f"the index has only {names}")
        storm.pause(random.random() * 0.02)
