# SPDX-License-Identifier: Apache-2.0
"""The set-up guide, word for word: its model repository, its config.pbtxt, its command line, its three curl calls.

Each model comes in three forms: (a) an ONNX export that has only last_hidden_state, with tokenizer and config beside it,
(b) the safetensors folder, (c) a bare model.onnx. The 768-wide model has the guide's shape and random weights.
"""

import math
import pathlib
import unittest
from collections.abc import Callable
from typing import NamedTuple

import neso_server
from neso_server import MINILM, Server, TemporaryRepository, made_once, run_tool

GUIDE_CONFIG = """name: "nomic-embed"
backend: "onnxruntime"
max_batch_size: 128

input [
  {
    name: "input_ids"
    data_type: TYPE_INT64
    dims: [-1]
  },
  {
    name: "attention_mask"
    data_type: TYPE_INT64
    dims: [-1]
  }
]

output [
  {
    name: "embeddings"
    data_type: TYPE_FP32
    dims: [%d]
  }
]

instance_group [
  {
    count: 2
    kind: KIND_GPU
    gpus: [0]
  }
]

dynamic_batching {
  preferred_batch_size: [32, 64, 128]
  max_queue_delay_microseconds: 5000
}
"""

# "this is a test", padded as the guide's curl does.
GUIDE_IDS = [101, 2023, 2003, 1037, 3231, 102, 0, 0, 0, 0]
GUIDE_TEXT = "this is a test"


def wide_folder():
    """A BERT of the guide's width, with random weights and MiniLM's tokenizer."""
    def make(folder: pathlib.Path):
        run_tool("make_bert.py", "--hidden", 768, "--layers", 12, "--heads", 12, "--intermediate", 3072, "--vocab", 30522,
                 "--seed", 1, "--out", folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((MINILM / name).read_bytes())

    return made_once("bert-base-random", make)


class Source(NamedTuple):
    """A safetensors folder to serve, and the name that its ONNX export is kept under."""
    name: str
    width: int
    folder: Callable[[], pathlib.Path]

    def onnx(self):
        return made_once(f"{self.name}-onnx", lambda target: run_tool("bert_to_onnx.py", self.folder(), target / "model.onnx")) / "model.onnx"


MINILM_SOURCE = Source("minilm", 384, lambda: MINILM)
WIDE_SOURCE = Source("bert-base-random", 768, wide_folder)

# How a source is put into a repository: (repository, model name, source, config.pbtxt or None).


def onnx_with_tokenizer(repository, model, source, config):
    version = repository.add_folder(model, source.folder(), config=config, without=("model.safetensors",))
    (version / "model.onnx").hardlink_to(source.onnx())


def safetensors(repository, model, source, config):
    repository.add_folder(model, source.folder(), config=config)


def bare_onnx(repository, model, source, config):
    repository.add(model, config=config, files=[("model.onnx", source.onnx())])


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


class GuideCalls:
    """The guide's calls against one served form; `source` and `form` are the table's at the end."""

    source: Source
    form: Callable

    @classmethod
    def setUpClass(cls):
        cls.width = cls.source.width
        cls.repository = TemporaryRepository()
        cls.form(cls.repository, "nomic-embed", cls.source, GUIDE_CONFIG % cls.width)
        cls.server = Server(cls.repository.path, "--strict-model-config=false")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.repository.__exit__()

    def guide_infer(self, **members):
        inputs = [{"name": "input_ids", "shape": [1, 10], "datatype": "INT64", "data": GUIDE_IDS}]
        return self.server.infer("nomic-embed", inputs, **members)

    def test_health_check(self):
        self.assertEqual(self.server.get("/v2/health/ready").status, 200)
        self.assertEqual(self.server.get("/v2/models/nomic-embed/ready").status, 200)

    def test_metadata_lists_the_declared_tensors(self):
        answer = self.server.get("/v2/models/nomic-embed")
        self.assertEqual(answer.status, 200)
        metadata = answer.json()
        self.assertEqual([tensor["name"] for tensor in metadata["inputs"]], ["input_ids", "attention_mask"])
        self.assertEqual(metadata["outputs"], [{"name": "embeddings", "datatype": "FP32", "shape": [-1, self.width]}])

    def test_infer_with_only_input_ids(self):
        answer = self.guide_infer()
        self.assertEqual(answer.status, 200, answer.body)
        (output,) = answer.json()["outputs"]
        self.assertEqual((output["name"], output["datatype"], output["shape"]), ("embeddings", "FP32", [1, self.width]))
        self.assertEqual(len(output["data"]), self.width)

    def test_the_mask_that_the_client_sends_gives_the_same_vector(self):
        mask = [1] * 6 + [0] * 4
        inputs = [{"name": "input_ids", "shape": [1, 10], "datatype": "INT64", "data": GUIDE_IDS},
                  {"name": "attention_mask", "shape": [1, 10], "datatype": "INT64", "data": mask}]
        answer = self.server.infer("nomic-embed", inputs)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertGreater(cosine(answer.json()["outputs"][0]["data"], self.guide_infer().json()["outputs"][0]["data"]), 0.999999)

    def test_the_start_is_logged_as_the_guide_expects(self):
        log = self.server.log_text()
        for line in ("Started HTTPService at 0.0.0.0:", "Started Metrics Service at 0.0.0.0:", "successfully loaded 'nomic-embed'",
                     "Successfully loaded"):
            self.assertIn(line, log)

    def test_one_warning_says_that_there_is_no_gpu(self):
        warnings = [line for line in self.server.log if line.startswith("W") and "KIND_GPU" in line]
        self.assertEqual(len(warnings), 1, self.server.log_text())

    def test_statistics_and_metrics_count_the_request(self):
        before = self.server.get("/v2/models/nomic-embed/stats").json()["model_stats"][0]
        self.guide_infer()
        after = self.server.get("/v2/models/nomic-embed/stats").json()["model_stats"][0]
        self.assertEqual(after["inference_count"], before["inference_count"] + 1)
        self.assertEqual(after["inference_stats"]["success"]["count"], before["inference_stats"]["success"]["count"] + 1)
        self.assertIn('nv_inference_request_success{model="nomic-embed",version="1"}', self.server.metrics())


class TextCalls(GuideCalls):
    """Forms with a tokenizer also take text."""

    def test_the_guides_ids_are_the_vector_of_the_text(self):
        (text_vector,) = self.server.embed("nomic-embed", [GUIDE_TEXT])
        ids_vector = self.guide_infer().json()["outputs"][0]["data"]
        self.assertGreater(cosine(text_vector, ids_vector), 0.999999)

    def test_ragged_texts_in_one_request(self):
        texts = ["a text", "another, longer text"]
        together = self.server.embed("nomic-embed", texts)
        for text, vector in zip(texts, together):
            (alone,) = self.server.embed("nomic-embed", [text])
            self.assertEqual(len(vector), self.width)
            self.assertGreater(cosine(vector, alone), 0.999999)


class OwnEngineCalls(TextCalls):
    def test_the_engine_is_named_in_the_log(self):
        self.assertRegex(self.server.log_text(), r"nomic-embed.*(safetensors|own engine|cpu)")

    def test_a_text_has_the_same_bits_alone_and_in_a_batch(self):
        texts = [GUIDE_TEXT, "a text", "another, longer text " * 20]
        self.assertEqual(self.server.embed("nomic-embed", texts), [self.server.embed("nomic-embed", [text])[0] for text in texts])


class WithoutConfig(unittest.TestCase):
    """All three forms without a config.pbtxt, in one repository, under the name `tritonserver`."""

    def test_every_form_is_auto_completed(self):
        self.check_every_form("--precision=fp32", least=0.99999)

    def test_the_precision_that_neso_chooses_is_faithful(self):
        self.check_every_form(least=0.9999)

    def check_every_form(self, *options, least):
        with TemporaryRepository() as repository:
            for model, form in (("with_onnx", onnx_with_tokenizer), ("with_safetensors", safetensors), ("bare", bare_onnx)):
                form(repository, model, MINILM_SOURCE, None)
            program = neso_server.NESO.with_name("tritonserver")
            with Server(repository.path, *options, program=program, command=()) as server:
                (ours,) = server.embed("with_safetensors", [GUIDE_TEXT])
                (theirs,) = server.embed("with_onnx", [GUIDE_TEXT])
                self.assertGreater(cosine(ours, theirs), least)
                inputs = [{"name": name, "shape": [1, 6], "datatype": "INT64", "data": data}
                          for name, data in (("input_ids", GUIDE_IDS[:6]), ("attention_mask", [1] * 6), ("token_type_ids", [0] * 6))]
                answer = server.infer("bare", inputs, outputs=[{"name": "last_hidden_state"}])
                self.assertEqual(answer.status, 200, answer.body)
                states = answer.json()["outputs"][0]
                self.assertEqual(states["shape"], [1, 6, 384])
                mean = [sum(states["data"][i::384]) / 6 for i in range(384)]
                self.assertGreater(cosine(mean, ours), least)


# The calls that each form must answer, for each source: MiniLmOnnx, MiniLmSafetensors, ...
CALLS_OF_FORM = {
    "Onnx": (onnx_with_tokenizer, TextCalls),
    "Safetensors": (safetensors, OwnEngineCalls),
    "BareOnnx": (bare_onnx, GuideCalls),
}
for prefix, source in (("MiniLm", MINILM_SOURCE), ("Wide", WIDE_SOURCE)):
    for suffix, (form, calls) in CALLS_OF_FORM.items():
        globals()[prefix + suffix] = type(prefix + suffix, (calls, unittest.TestCase),
                                          {"source": source, "form": staticmethod(form), "__module__": __name__})


if __name__ == "__main__":
    unittest.main()
