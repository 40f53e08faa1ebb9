# SPDX-License-Identifier: Apache-2.0
"""Weights that are damaged: a row that comes out wrong fails alone, and a model that computes nonsense does not serve."""

import json
import pathlib
import struct
import tempfile
import threading
import unittest

from neso_server import Server, TemporaryRepository, run_tool

HIDDEN = 64
# Weights that are not finite are refused when they are read. These are, and their sums are not.
HUGE = struct.pack("<8f", *[3e38] * 8)


def damage(weights, tensor, element):
    """Eight elements of a tensor of a safetensors file become huge."""
    with open(weights, "r+b") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        (name,) = [name for name in header if name.endswith(tensor)]
        file.seek(8 + size + header[name]["data_offsets"][0] + 4 * element)
        file.write(HUGE)


class DamagedWeights(unittest.TestCase):
    def model(self, tensor, element):
        """A repository with the model `damaged`."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        run_tool("make_bert.py", "--hidden", HIDDEN, "--layers", 2, "--heads", 4, "--intermediate", 128, "--vocab", 1000,
                 "--out", folder / "model")
        damage(folder / "model/model.safetensors", tensor, element)
        repository = self.enterContext(TemporaryRepository())
        repository.add_folder("damaged", folder / "model")
        return repository

    def test_F48_a_row_that_is_not_finite_fails_alone(self):
        poison = 700
        repository = self.model("word_embeddings.weight", poison * HIDDEN)
        with Server(repository.path) as server:
            def ask(*ids):
                return server.infer("damaged", [{"name": "input_ids", "datatype": "INT64", "shape": [1, len(ids)], "data": list(ids)}])

            expected = {ids: ask(ids, 5).json()["outputs"] for ids in range(20, 40)}
            wrong, poisoned = [], []

            def good():
                for ids, outputs in expected.items():
                    answer = ask(ids, 5)
                    if answer.status != 200 or answer.json()["outputs"] != outputs:
                        wrong.append((ids, answer.body[:200]))

            def bad():
                for ids in expected:
                    poisoned.append(ask(ids, poison))

            threads = [threading.Thread(target=run) for run in (good, bad) * 4]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            self.assertEqual({answer.status for answer in poisoned}, {500})
            for answer in poisoned:
                self.assertIn("not finite", answer.json()["error"])
            self.assertEqual(server.stop(), 0)

    def test_F49_a_model_that_fails_its_self_check_is_not_ready_and_says_what_to_try(self):
        repository = self.model("layer.0.output.LayerNorm.weight", 0)
        with Server(repository.path, "--exit-on-error=false") as server:
            self.assertEqual(server.get("/v2/models/damaged/ready").status, 400)
            self.assertEqual(server.get("/v2/health/ready").status, 400)
            (entry,) = server.request("POST", "/v2/repository/index").json()
            self.assertEqual(entry["state"], "UNAVAILABLE")
            self.assertRegex(entry["reason"], r"the self-check failed: .*computed by the kernels for \w+: try --isa=generic")
            self.assertEqual(server.stop(), 0)
        with Server(repository.path, "--exit-on-error=false", "--isa=generic") as server:
            (entry,) = server.request("POST", "/v2/repository/index").json()
            self.assertRegex(entry["reason"], r"the self-check failed: .*compare the model's files with where they came from")
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
