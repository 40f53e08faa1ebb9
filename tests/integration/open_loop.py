# SPDX-License-Identifier: Apache-2.0
"""Load that does not wait for answers, from Python: for what a test has to see of each single answer. For figures there is
`neso bench --url`."""

import collections
import contextlib
import dataclasses
import http.client
import json
import random
import threading
import time

import grpc
from neso_server import PATIENCE_S
from tritonclient.grpc import service_pb2, service_pb2_grpc

CLIENTS = 96


@dataclasses.dataclass
class Outcome:
    status: str = ""  # "ok", "refused" (with a time to come back at), "expired", or what went wrong
    took_s: float = 0  # of the last attempt, from its first byte
    lag_s: float = 0  # by how much it was sent too late


class HttpClient:
    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=PATIENCE_S)

    def ask(self, model, text, deadline_s):
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1, 1], "data": [text]}
        headers = {"X-Request-Timeout-Ms": str(deadline_s * 1000)} if deadline_s else {}
        self.connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}), headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            return "ok"
        if answer.status == 503 and 1 <= int(answer.headers.get("Retry-After", 0)) <= 30:
            return "refused"
        return "expired" if answer.status == 503 and b"timeout expired" in body else f"{answer.status} {body}"

    def close(self):
        self.connection.close()


class GrpcClient:
    def __init__(self, server):
        # A subchannel of its own: all channels to one address share one else, and would be one client.
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", [("grpc.use_local_subchannel_pool", 1)])
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def ask(self, model, text, deadline_s):
        request = service_pb2.ModelInferRequest(model_name=model)
        tensor = request.inputs.add(name="text", datatype="BYTES", shape=[1, 1])
        tensor.contents.bytes_contents.append(text.encode())
        try:
            self.stub.ModelInfer(request, timeout=deadline_s)
            return "ok"
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                return "expired"
            trailing = dict(error.trailing_metadata() or ())
            if error.code() == grpc.StatusCode.UNAVAILABLE and int(trailing.get("grpc-retry-pushback-ms", 0)) > 0:
                return "refused"
            return f"{error.code()} {error.details()}"

    def close(self):
        self.channel.close()


def drive(server, model, text_of, due_times, deadline_s=None, attempts=1, clients=CLIENTS):
    """Sends text_of(number) when it is due (seconds from now; 0: as soon as a client is free), and again at once, up to so
    many attempts, when it is refused. Clients take turns in using HTTP and gRPC. One Outcome for each."""
    begun = time.monotonic()
    work = collections.deque(enumerate(due_times))
    outcomes = []

    def run(make_client):
        with contextlib.closing(make_client(server)) as client:
            while True:
                try:
                    number, due = work.popleft()
                except IndexError:
                    return
                if (wait := begun + due - time.monotonic()) > 0:
                    time.sleep(wait)
                outcome = Outcome(lag_s=max(0, time.monotonic() - begun - due))
                for _ in range(attempts):
                    sent = time.monotonic()
                    try:
                        outcome.status = client.ask(model, text_of(number), deadline_s)
                    except (OSError, http.client.HTTPException) as error:
                        outcome.status = repr(error)
                    outcome.took_s = time.monotonic() - sent
                    if outcome.status == "ok":
                        break
                outcomes.append(outcome)

    threads = [threading.Thread(target=run, args=((HttpClient, GrpcClient)[number % 2],)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def poisson(rate, seconds, seed):
    """Times at which requests of a crowd come."""
    random_times, now, times = random.Random(seed), 0.0, []
    while (now := now + random_times.expovariate(rate)) < seconds:
        times.append(now)
    return times


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
