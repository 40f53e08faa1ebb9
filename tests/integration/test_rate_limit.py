#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rate limiter on the real program: models that share a resource, and what a limit refuses."""

import json
import pathlib
import sys
import tempfile
import threading
import unittest

from neso_server import ROOT, Server, TemporaryRepository, some_encoder

DOUBLE = ROOT / "tests/data/onnx/identity_fp32.onnx"
TEXT = "the quick brown fox jumps over the lazy dog " * 20
REQUESTS = 12
NEEDS = "instance_group { count: 1 kind: KIND_CPU rate_limiter { resources { name: \"%s\" count: %d } priority: %d } }"


class Overlaps(unittest.TestCase):
    """When models compute, by their traces."""

    def setUp(self):
        self.repository = TemporaryRepository()
        self.addCleanup(self.repository.__exit__)
        for priority, model in enumerate(("a", "b"), 1):
            self.repository.add_folder(model, some_encoder(), config=NEEDS % ("cores", 1, priority))

    def computing(self, *options):
        """The spans in which each model computed, while both had work all the time."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "traces.json")
            with Server(self.repository.path, f"--trace-config=triton,file={path}", "--trace-config=level=TIMESTAMPS",
                        "--trace-config=rate=1", *options) as server:
                threads = [threading.Thread(target=self.ask, args=(server, model, client)) for model in "ab" for client in range(3)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            names, stamps = {}, {}
            for line in json.loads(path.read_text()):
                if "model_name" in line:
                    names[line["id"]] = line["model_name"]
                for stamp in line.get("timestamps", ()):
                    stamps.setdefault(line["id"], {})[stamp["name"]] = stamp["ns"]
        spans = {"a": [], "b": []}
        for number, model in names.items():
            spans[model].append((stamps[number]["COMPUTE_START"], stamps[number]["COMPUTE_END"]))
        self.assertEqual([len(spans[model]) for model in "ab"], [3 * REQUESTS] * 2)
        return spans

    @staticmethod
    def ask(server, model, client):
        for number in range(REQUESTS):  # of one text each, which runs in one batch: its span is the batch's
            server.embed(model, [f"{client} {number} {TEXT}"])

    @staticmethod
    def overlaps(spans):
        return [(a, b) for a in spans["a"] for b in spans["b"] if a[0] < b[1] and b[0] < a[1]]

    def test_models_that_share_a_resource_never_run_at_the_same_time(self):
        self.assertEqual(self.overlaps(self.computing("--rate-limit=execution_count")), [])

    def test_without_the_limiter_or_with_enough_for_both_they_do(self):
        for options in ((), ("--rate-limit=execution_count", "--rate-limit-resource=cores:2")):
            with self.subTest(options):
                self.assertNotEqual(self.overlaps(self.computing(*options)), [])


class Limits(unittest.TestCase):
    def test_a_model_that_needs_more_than_there_is_is_refused_and_others_are_served(self):
        with TemporaryRepository() as repository:
            for model, count in (("fits", 2), ("greedy", 3)):
                repository.add(model, config=NEEDS % ("R", count, 1), files=[("model.onnx", DOUBLE)])
            with Server(repository.path, "--rate-limit=execution_count", "--rate-limit-resource=R:2", "--exit-on-error=false") as server:
                self.assertIn('Resource count for "R" is limited to 2', server.log_text())
                self.assertRegex(server.log_text(), r"rate_limit +\| EXEC_COUNT")
                self.assertNotIn("does not act on", server.log_text())
                (tensor,) = server.get("/v2/models/fits").json()["inputs"]
                inputs = [{"name": tensor["name"], "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]
                self.assertEqual(server.infer("fits", inputs).status, 200)
                self.assertEqual(server.get("/v2/models/greedy/ready").status, 400)

    def test_unloading_gives_back(self):
        with TemporaryRepository() as repository:
            for model in ("first", "second"):
                repository.add(model, config=NEEDS % ("R", 1, 1), files=[("model.onnx", DOUBLE)])
            with Server(repository.path, "--rate-limit=execution_count", "--model-control-mode=explicit") as server:
                for model in ("first", "second", "first"):
                    self.assertEqual(server.request("POST", f"/v2/repository/models/{model}/load", {}).status, 200)
                    (tensor,) = server.get(f"/v2/models/{model}").json()["inputs"]
                    inputs = [{"name": tensor["name"], "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]
                    self.assertEqual(server.infer(model, inputs).status, 200)
                    self.assertEqual(server.request("POST", f"/v2/repository/models/{model}/unload", {}).status, 200)

    def test_without_the_limiter_the_log_says_that_resources_do_not_count(self):
        with TemporaryRepository() as repository:
            repository.add("m", config=NEEDS % ("R", 1, 1), files=[("model.onnx", DOUBLE)])
            with Server(repository.path, "--rate-limit-resource=R:1") as server:
                self.assertIn("--rate-limit-resource has no effect", server.log_text())
                self.assertIn("model 'm': the resources of its instance_group.rate_limiter", server.log_text())


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
