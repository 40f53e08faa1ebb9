# SPDX-License-Identifier: Apache-2.0
"""Traces of the real program: settings over HTTP and gRPC, trace files, and spans at an OpenTelemetry collector."""

import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np
import tritonclient.grpc as triton
from neso_server import ROOT, Server
from tritonclient.utils import InferenceServerException

MODELS = ("simple", "identity_int32", "chain")
COMPUTED = {"COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END"}
REQUEST = {"REQUEST_START", "QUEUE_START", "REQUEST_END"}
HTTP = {"HTTP_RECV_START", "HTTP_RECV_END", "HTTP_SEND_START", "HTTP_SEND_END"}
GRPC = {"GRPC_WAITREAD_START", "GRPC_WAITREAD_END", "GRPC_SEND_START", "GRPC_SEND_END"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def setUpModule():
    global folder, repository
    folder = tempfile.TemporaryDirectory()
    repository = pathlib.Path(folder.name, "models")
    made = pathlib.Path(folder.name, "all")
    subprocess.run([sys.executable, "-B", ROOT / "tests/conformance/triton/make_models.py", made], check=True)
    for name in MODELS:
        shutil.copytree(made / name, repository / name)


def tearDownModule():
    folder.cleanup()


def ask(server, model="simple", names=("INPUT0", "INPUT1"), headers=None, **members):
    inputs = [{"name": name, "datatype": "INT32", "shape": [1, 16], "data": list(range(16))} for name in names]
    answer = server.request("POST", f"/v2/models/{model}/infer", {"inputs": inputs, **members}, headers)
    assert answer.status == 200, answer.body


def ask_over_grpc(client):
    inputs = []
    for name in ("INPUT0", "INPUT1"):
        inputs.append(triton.InferInput(name, [1, 16], "INT32"))
        inputs[-1].set_data_from_numpy(np.ones((1, 16), dtype=np.int32))
    client.infer("simple", inputs, request_id="by-grpc")


class Traced:
    """A trace file: the models' objects by id, and the names of the stamps of each."""

    def __init__(self, path):
        self.models, self.stamps, self.tensors = {}, {}, {}
        for line in json.loads(path.read_text()):
            if "model_name" in line:
                self.models[line["id"]] = line
            elif "timestamps" in line:
                (stamp,) = line["timestamps"]
                self.stamps.setdefault(line["id"], {})[stamp["name"]] = stamp["ns"]
            else:
                self.tensors.setdefault(line["id"], []).append((line["activity"], line["tensor"]))


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name, "traces.json")

    def serve(self, *settings):
        return Server(repository, *(f"--trace-config={setting}" for setting in (f"triton,file={self.path}", *settings)))

    def test_every_request_from_both_protocols_is_in_the_file(self):
        with self.serve("level=TIMESTAMPS", "rate=1") as server, \
                triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
            ask(server, id="by-http")
            ask_over_grpc(client)
        traced = Traced(self.path)
        self.assertEqual([(model["model_name"], model["model_version"], model["request_id"]) for model in traced.models.values()],
                         [("simple", 1, "by-http"), ("simple", 1, "by-grpc")])
        by_http, by_grpc = traced.stamps.values()
        self.assertEqual(set(by_http), COMPUTED | REQUEST | HTTP | {"INFER_RESPONSE_COMPLETE"})
        self.assertEqual(set(by_grpc), COMPUTED | REQUEST | GRPC | {"INFER_RESPONSE_COMPLETE"})
        order = ["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END",
                 "COMPUTE_OUTPUT_START", "COMPUTE_END", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END"]
        self.assertEqual(sorted(order, key=by_http.get), order)

    def test_parts_of_an_ensemble_name_their_parent(self):
        with self.serve("level=TIMESTAMPS", "rate=1") as server:
            ask(server, "chain", ("A", "B"))
        traced = Traced(self.path)
        parents = {model["model_name"]: model.get("parent_id") for model in traced.models.values()}
        (root,) = (number for number, model in traced.models.items() if model["model_name"] == "chain")
        self.assertEqual(parents, {"chain": None, "simple": root, "identity_int32": root})
        self.assertEqual(set(traced.stamps[root]), REQUEST | HTTP | {"INFER_RESPONSE_COMPLETE"})

    def test_tensors(self):
        with self.serve("level=TENSORS", "rate=1") as server:
            ask(server)
        (tensors,) = Traced(self.path).tensors.values()
        values = ",".join(map(str, range(16)))
        self.assertIn(("TENSOR_QUEUE_INPUT", {"name": "INPUT0", "data": values, "shape": "1,16", "dtype": "INT32"}), tensors)
        self.assertEqual([tensor["name"] for activity, tensor in tensors if activity == "TENSOR_BACKEND_OUTPUT"],
                         ["OUTPUT0", "OUTPUT1"])

    def test_settings_change_while_it_runs(self):
        with self.serve() as server:
            ask(server)
            changed = server.request("POST", "/v2/models/simple/trace/setting",
                                     {"trace_level": ["TIMESTAMPS"], "trace_rate": "2", "log_frequency": "1"})
            self.assertEqual(changed.json()["trace_rate"], "2")
            self.assertEqual(server.get("/v2/trace/setting").json()["trace_level"], ["OFF"])
            for number in range(4):
                ask(server, id=str(number))
            cleared = server.request("POST", "/v2/models/simple/trace/setting",
                                     {"trace_level": None, "trace_rate": None, "log_frequency": None})
            self.assertEqual(cleared.json(), server.get("/v2/trace/setting").json())
            ask(server)
        ids = [list(Traced(pathlib.Path(f"{self.path}.{i}")).models.values())[0]["request_id"] for i in range(2)]
        self.assertEqual(ids, ["1", "3"])
        self.assertEqual(sorted(path.name for path in self.path.parent.iterdir()), ["traces.json.0", "traces.json.1"])

    def test_the_stock_client_asks_and_changes(self):
        with self.serve("rate=5") as server, triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
            settings = client.get_trace_settings(as_json=True)["settings"]
            self.assertEqual(settings["trace_rate"], {"value": ["5"]})
            self.assertEqual(settings["trace_file"], {"value": [str(self.path)]})
            changed = client.update_trace_settings("simple", {"trace_level": ["TIMESTAMPS", "TENSORS"], "trace_count": "3"}, as_json=True)
            self.assertEqual(changed["settings"]["trace_level"], {"value": ["TIMESTAMPS", "TENSORS"]})
            self.assertEqual(server.get("/v2/models/simple/trace/setting").json()["trace_count"], "3")
            for settings, sentence in (({"trace_file": "x"}, "trace file location can not be updated"),
                                       ({"trace_rate": ["1", "2"]}, "expect only 1 value for 'trace_rate'"),
                                       ({"trace_level": ["OFF", "TENSORS"]}, "Expect only one trace level 'OFF'")):
                with self.assertRaisesRegex(InferenceServerException, sentence):
                    client.update_trace_settings(settings=settings)
            with self.assertRaisesRegex(InferenceServerException, "Request for unknown model : nobody"):
                client.get_trace_settings("nobody")


class Collector(http.server.ThreadingHTTPServer):
    """Keeps the spans that it is sent."""

    def __init__(self):
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with collector.arrived:
                    collector.paths.add(self.path)
                    for resource in body["resourceSpans"]:
                        collector.resources.append(resource["resource"])
                        for scope in resource["scopeSpans"]:
                            collector.spans += scope["spans"]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.arrived = threading.Condition()
        self.spans, self.resources, self.paths = [], [], set()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class OpenTelemetry(unittest.TestCase):
    OPTIONS = ("--trace-config=mode=opentelemetry", "--trace-config=level=TIMESTAMPS")

    def test_spans_reach_the_collector_under_the_clients_own(self):
        with Collector() as collector:
            with Server(repository, *self.OPTIONS, "--trace-config=rate=0", "--trace-config=opentelemetry,resource=service.name=it",
                        f"--trace-config=opentelemetry,url=http://127.0.0.1:{collector.server_port}/v1/traces") as server, \
                    triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
                settings = server.get("/v2/trace/setting").json()
                ask(server)
                ask(server, headers={"traceparent": PARENT})
                client.infer("identity_int32", [self.tensor()], headers={"traceparent": PARENT})
            self.assertEqual(settings["trace_mode"], "opentelemetry")
            self.assertNotIn("trace_file", settings)
            spans = collector.spans
            self.assertEqual([span["name"] for span in spans],
                             ["InferRequest", "simple", "compute", "InferRequest", "identity_int32", "compute"])
            self.assertEqual({span["traceId"] for span in spans}, {PARENT.split("-")[1]})
            self.assertEqual(spans[0]["parentSpanId"], PARENT.split("-")[2])
            self.assertEqual(spans[1]["parentSpanId"], spans[0]["spanId"])
            self.assertIn({"key": "service.name", "value": {"stringValue": "it"}}, collector.resources[0]["attributes"])
            self.assertEqual(collector.paths, {"/v1/traces"})

    @staticmethod
    def tensor():
        tensor = triton.InferInput("INPUT0", [1, 2], "INT32")
        tensor.set_data_from_numpy(np.ones((1, 2), dtype=np.int32))
        return tensor

    def test_a_collector_that_is_away_costs_traces_not_requests(self):
        with Collector() as gone:
            port = gone.server_port
        with Server(repository, *self.OPTIONS, "--trace-config=rate=1", "--trace-config=opentelemetry,bsp_schedule_delay=0",
                    f"--trace-config=opentelemetry,url=http://127.0.0.1:{port}/v1/traces") as server:
            ask(server)
            server.wait_for_log("traces do not reach the OpenTelemetry collector")
            ask(server)
            self.assertRegex(server.metrics(), r"neso_traces_dropped_total [1-9]")

    def test_a_url_that_is_none_ends_the_start(self):
        with self.assertRaisesRegex(AssertionError, "opentelemetry,url"):
            Server(repository, *self.OPTIONS, "--trace-config=opentelemetry,url=https://127.0.0.1/v1/traces")


if __name__ == "__main__":
    unittest.main()
