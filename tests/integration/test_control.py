# SPDX-License-Identifier: Apache-2.0
"""Models that come and go under a running server: over the model repository routes, and by themselves in poll mode."""

import base64
import json
import pathlib
import shutil
import tempfile
import threading
import unittest

from neso_server import Server

GRAPHS = pathlib.Path(__file__).resolve().parents[1] / "data" / "onnx"


def add_model(repository, name, version=1, graph="identity_fp32"):
    folder = pathlib.Path(repository, name, str(version))
    folder.mkdir(parents=True)
    shutil.copy(GRAPHS / f"{graph}.onnx", folder / "model.onnx")


class Control(unittest.TestCase):
    options = ("--model-control-mode=explicit",)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)

    def start(self, *options):
        server = Server(self.repository, *self.options, *options)
        self.addCleanup(server.stop)
        return server

    def post(self, server, path, body=None):
        return server.request("POST", path, body)


class Explicit(Control):
    def test_a_model_comes_and_goes(self):
        add_model(self.repository, "m")
        server = self.start()
        index = lambda: json.loads(self.post(server, "/v2/repository/index").body)
        self.assertEqual(index(), [{"name": "m"}])
        self.assertEqual(server.get("/v2/health/ready").status, 200)
        loaded = self.post(server, "/v2/repository/models/m/load")
        self.assertEqual((loaded.status, loaded.body), (200, b""))
        self.assertEqual(index(), [{"name": "m", "version": "1", "state": "READY"}])
        self.assertEqual(server.get("/v2/models/m/ready").status, 200)
        self.assertEqual(self.post(server, "/v2/repository/models/m/unload").status, 200)
        self.assertEqual(index(), [{"name": "m", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}])
        self.assertEqual(server.get("/v2/models/m/ready").status, 400)
        self.assertEqual(server.get("/v2/health/ready").status, 200)

    def test_a_config_and_files_of_the_request_are_served(self):
        server = self.start()
        graph = base64.b64encode((GRAPHS / "identity_fp32.onnx").read_bytes()).decode()
        body = {"parameters": {"config": json.dumps({"backend": "onnxruntime", "max_batch_size": 3}), "file:7/model.onnx": graph}}
        answer = self.post(server, "/v2/repository/models/sent/load", json.dumps(body))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(json.loads(server.get("/v2/models/sent").body)["versions"], ["7"])
        self.assertEqual(json.loads(server.get("/v2/models/sent/config").body)["max_batch_size"], 3)

    def test_what_is_wrong_is_told(self):
        add_model(self.repository, "m")
        server = self.start()
        for body, sentence in (('{"parameters":{"colour":"red"}}', "unrecognized load parameter 'colour'"),
                               ('{"parameters":{"config":5}}', "'config' must be a string"),
                               ('{"parameters":{"config":"{"}}', "Invalid config override"),
                               ('{"parameters":{"file:1/x":"*"}}', "is not base64"),
                               ("x", "failed to parse the request JSON buffer")):
            answer = self.post(server, "/v2/repository/models/m/load", body)
            self.assertIn(answer.status, (400, 500), body)
            self.assertIn(sentence, json.loads(answer.body)["error"])
        self.assertEqual(self.post(server, "/v2/repository/R/models/m/load").status, 501)
        self.assertEqual(self.post(server, "/v2/repository/models/none/load").status, 500)

    def test_no_request_fails_while_its_model_is_reloaded(self):
        add_model(self.repository, "m")
        server = self.start("--load-model=m")
        request = json.dumps({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]})
        metadata = json.loads(server.get("/v2/models/m").body)
        request = request.replace('"x"', json.dumps(metadata["inputs"][0]["name"]))
        answers, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                answers.append(self.post(server, "/v2/models/m/infer", request).status)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for turn in range(10):
            (self.repository / "m" / "config.pbtxt").write_text(f"max_batch_size: {turn + 1}\n")
            self.assertEqual(self.post(server, "/v2/repository/models/m/load").status, 200)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(json.loads(server.get("/v2/models/m/config").body)["max_batch_size"], 10)
        self.assertEqual(set(answers), {200})


class Fixed(Control):
    options = ()

    def test_clients_may_not_load(self):
        add_model(self.repository, "m")
        server = self.start()
        for verb in ("load", "unload"):
            answer = self.post(server, f"/v2/repository/models/m/{verb}")
            self.assertEqual(answer.status, 503)
            self.assertIn("explicit model load / unload is not allowed", json.loads(answer.body)["error"])


class Polling(Control):
    options = ("--model-control-mode=poll", "--repository-poll-secs=1")

    def test_a_new_folder_is_served(self):
        server = self.start()
        self.assertEqual(server.get("/v2/models/m").status, 404)
        add_model(self.repository, "m")
        server.wait_for_log("successfully loaded 'm'")
        while server.get("/v2/models/m/ready").status != 200:  # published right behind that line
            pass


if __name__ == "__main__":
    unittest.main()
