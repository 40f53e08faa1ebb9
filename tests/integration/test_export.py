# SPDX-License-Identifier: Apache-2.0
"""An ONNX export of an encoder that our engine knows: who encodes its texts, and what that must not change."""

import json
import unittest

from neso_server import Server, TemporaryRepository, made_once, run_tool, small_bert

TEXTS = ["this is a test", "a", "An export of a model keeps its weights under other names. " * 20]
INPUTS = [{"name": name, "shape": [2, 6], "datatype": "INT64", "data": data} for name, data in (
    ("input_ids", [101, 2023, 2003, 1037, 3231, 102, 101, 2023, 102, 0, 0, 0]),
    ("attention_mask", [1] * 9 + [0] * 3), ("token_type_ids", [0, 0, 0, 1, 1, 1] + [0] * 6))]


def export(*options):
    """The small BERT as model.onnx; `options` are the exporter's."""
    name = "bert-small-random-onnx" + "".join(options)
    return made_once(name, lambda target: run_tool("bert_to_onnx.py", small_bert(), target / "model.onnx", *options)) / "model.onnx"


def engine(name):
    return f'parameters {{ key: "engine" value {{ string_value: "{name}" }} }}\n'


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        changed = json.loads((small_bert() / "config.json").read_text()) | {"hidden_act": "relu"}
        forms = {
            "default": {}, "onnx": {"config": engine("onnx")}, "cpu": {"config": engine("cpu")},
            "decomposed": {"model": export("--layer-norm=decomposed")}, "half": {"model": export("--dtype=fp16")},
            "no_types": {"model": export("--inputs=ids,mask")}, "pooled": {"model": export("--output=pooled")},
            "vectors": {"config": 'max_batch_size: 8\ninput { name: "input_ids" data_type: TYPE_INT64 dims: -1 }\n'
                                  'output { name: "vector" data_type: TYPE_FP32 dims: 64 }\n'},
            "changed": {"config_json": changed}, "demanded": {"config_json": changed, "config": engine("cpu")},
        }
        for name, form in forms.items():
            cls.add(name, **form)
        # The description in the model folder, the graph in the version folder.
        cls.add("above")
        for path in (cls.repository.path / "above/1").iterdir():
            if path.name != "model.onnx":
                path.rename(cls.repository.path / "above" / path.name)
        cls.repository.add_folder("safetensors", small_bert())
        cls.server = Server(cls.repository.path, "--exit-on-error=false")

    @classmethod
    def add(cls, name, model=None, config=None, config_json=None):
        without = ["model.safetensors"] + (["config.json"] if config_json else [])
        folder = cls.repository.add_folder(name, small_bert(), config=config, without=without)
        (folder / "model.onnx").hardlink_to(model or export())
        if config_json:
            (folder / "config.json").write_text(json.dumps(config_json))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.repository.__exit__()

    def served_by(self, model):
        return [line for line in self.server.log if f"model '{model}' version 1: served by" in line]

    def test_the_log_says_who_encodes_and_why(self):
        for model in ("default", "cpu", "decomposed", "half", "no_types", "vectors", "above"):
            (line,) = self.served_by(model)
            self.assertRegex(line, r"served by neso's CPU engine: weights of 1/model.onnx, agreement (1\.0|0\.99999)\d* on 8 probes")
        self.assertIn("ONNX Runtime answers the graph's own outputs", self.served_by("default")[0])
        self.assertNotIn("own outputs", self.served_by("vectors")[0])
        self.assertEqual(self.served_by("onnx"), [])
        self.assertRegex(self.served_by("pooled")[0], "served by ONNX Runtime, .* pooled vectors only")
        self.assertRegex(self.served_by("changed")[0], "served by ONNX Runtime, .* computes something else")

    def test_its_vectors_are_those_of_the_safetensors(self):
        expected = self.server.embed("safetensors", TEXTS)
        for model in ("default", "cpu", "decomposed", "vectors", "above"):
            self.assertEqual(self.server.embed(model, TEXTS), expected, model)

    def test_the_graphs_own_outputs_and_the_configuration_stay_the_same(self):
        def answer(model):
            response = self.server.infer(model, INPUTS, outputs=[{"name": "last_hidden_state"}])
            self.assertEqual(response.status, 200, response.body)
            return response.json()["outputs"]

        def described(model):
            config = self.server.get(f"/v2/models/{model}/config").body.decode().replace(f'"{model}"', '"it"')
            return {key: value for key, value in json.loads(config).items() if key != "parameters"}

        self.assertEqual(answer("default"), answer("onnx"))
        self.assertEqual(answer("cpu"), answer("onnx"))
        self.assertEqual(described("default"), described("onnx"))

    def test_an_engine_that_cannot_be_had_fails_the_load_with_the_reason(self):
        (entry,) = [m for m in self.server.request("POST", "/v2/repository/index", "{}").json() if m["name"] == "demanded"]
        self.assertEqual(entry["state"], "UNAVAILABLE")
        self.assertRegex(entry["reason"], "asks for engine 'cpu', which cannot run '1/model.onnx': .* computes something else")


if __name__ == "__main__":
    unittest.main()
