# SPDX-License-Identifier: Apache-2.0
"""`neso doctor`: what it says of models that are well, and of models that are not."""

import json
import math
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

from neso_server import MINILM, NESO, ROOT, TemporaryRepository, small_bert
from test_export import export

GOLDEN = json.loads((ROOT / "tests/golden/minilm.json").read_text())["cases"][:4]


def doctor(*arguments, **options):
    return subprocess.run([NESO, "doctor", "--seconds=0.01", *map(str, arguments)], capture_output=True, text=True, timeout=1200, **options)


def report(*arguments):
    done = doctor("--json", *arguments)
    return done.returncode, json.loads(done.stdout)


def last_line(done):
    return done.stdout.splitlines()[-1]


class Doctor(unittest.TestCase):
    def setUp(self):
        self.repository = TemporaryRepository()
        self.addCleanup(self.repository.__exit__)

    def folder(self, name, source=None, **options):
        """A model folder of links to `source`; whoever changes a file unlinks it first."""
        return self.repository.add_folder(name, source or small_bert(), **options)

    def replace(self, path, content):
        path.unlink(missing_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def test_the_report_of_a_good_model_has_every_section_and_ends_with_the_verdict(self):
        folder = self.folder("mini", MINILM)
        self.replace(folder / "reference_vectors.json",
                     {"made_by": "a library 1.0", "vectors": [{"text": case["text"], "vector": case["vector"]} for case in GOLDEN]})
        done = doctor(folder.parent)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        for words in ("model 'mini'", "safetensors, F32", "4 of 384 values  (a library 1.0)", "family             bert", "layers             6",
                      "pooling            mean", "max tokens         256  (sentence_bert_config.json: max_seq_length)",
                      "over 64 probe texts", "machine\n  isa "):
            self.assertIn(words, done.stdout)
        self.assertEqual(last_line(done), "well: 'mini' can be served (fp32, bf16, int8)")

        status, told = report(folder.parent)
        self.assertEqual((status, told["well"], told["problems"]), (0, True, []))
        self.assertEqual(told["architecture"]["hidden"], 384)
        self.assertIn(told["default_precision"], ("fp32", "bf16"))
        self.assertIn(f"served in {told['default_precision']} unless told otherwise: {told['default_reason']}", done.stdout)
        self.assertEqual([row["precision"] for row in told["precisions"]], ["fp32", "bf16", "int8"])
        for row, least in zip(told["precisions"], (0.9999, 0.999, 0.98)):
            self.assertGreaterEqual(row["reference_cosine_least"], least)
            for figure in ("tokens_per_s", "short_text_ms", "weights_bytes", "roof_share"):
                self.assertGreater(row[figure], 0)
        for row in told["precisions"][1:]:
            self.assertGreater(row["cosine_least"], 0.99)
            self.assertGreater(row["cosine_mean"], row["cosine_least"])
            self.assertGreater(row["neighbours_kept"], 0.9)
        sizes = [row["weights_bytes"] for row in told["precisions"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))

    def test_a_mismatch_with_the_reference_vectors_is_shown_and_is_the_verdict(self):
        folder = self.folder("wrong", MINILM)
        self.replace(folder / "reference_vectors.json", {"vectors": [{"text": "another", "vector": GOLDEN[2]["vector"]}]})
        done = doctor(folder.parent)
        self.assertEqual(done.returncode, 1)
        self.assertIn("over 64 probe texts", done.stdout)  # all the rest is still told
        self.assertRegex(last_line(done), r"^not well: fp32: the model does not give its reference vectors: text 0 of .* less than 0\.9999;")

    def test_a_model_that_cannot_be_loaded_is_told_as_the_server_would(self):
        bad = {"no weights": ("model.safetensors", None, "has neither '1/model.onnx' nor config.json with model.safetensors"),
               "family": ("config.json", {"model_type": "gpt9"}, '"gpt9"'),
               "references": ("reference_vectors.json", {"vectors": []}, '"vectors" must be a list of at least one')}
        for name, (file, content, reason) in bad.items():
            folder = self.folder(name.replace(" ", "_"))
            (folder / file).unlink(missing_ok=True)
            if content is not None:
                self.replace(folder / file, content)
            done = doctor(folder.parent)
            self.assertEqual((done.returncode, done.stderr), (1, ""), name)
            self.assertTrue(last_line(done).startswith("not well: "), done.stdout)
            self.assertIn(reason, last_line(done))
            status, told = report(folder.parent)
            self.assertEqual((status, told["well"]), (1, False))
            self.assertIn(reason, told["verdict"])

    def test_weights_that_are_not_finite_are_found(self):
        folder = self.folder("nan")
        weights = bytearray((folder / "model.safetensors").read_bytes())
        data = 8 + int.from_bytes(weights[:8], "little")
        begin = data + json.loads(weights[8:data])["embeddings.LayerNorm.weight"]["data_offsets"][0]
        weights[begin:begin + 4] = struct.pack("<f", math.nan)
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors").write_bytes(weights)
        done = doctor(folder.parent)
        self.assertEqual(done.returncode, 1)
        self.assertIn("embeddings.LayerNorm.weight", last_line(done))

    def test_a_model_for_onnx_runtime_alone_says_so_and_why(self):
        config = json.loads((small_bert() / "config.json").read_text()) | {"model_type": "gpt9"}
        folder = self.folder("foreign", without=("model.safetensors",))
        self.replace(folder / "config.json", config)
        os.link(export(), folder / "model.onnx")
        for model in (folder.parent, folder):  # in a repository, and by itself
            done = doctor(model)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r'only ONNX Runtime can run this model: .*"gpt9"')
            self.assertIn("onnx    as exported", done.stdout)
            self.assertTrue(last_line(done).startswith("well: "))

    def test_an_export_that_our_engine_runs_is_examined_in_all_precisions(self):
        folder = self.folder("export", without=("model.safetensors",))
        os.link(export(), folder / "model.onnx")
        status, told = report(folder.parent)
        self.assertEqual(status, 0, told["verdict"])
        self.assertEqual([row["engine"] for row in told["precisions"]], ["cpu"] * 3)

        other = json.loads((small_bert() / "config.json").read_text()) | {"hidden_act": "relu"}
        self.replace(folder / "config.json", other)
        status, told = report(folder.parent)
        self.assertEqual([row["engine"] for row in told["precisions"]], ["onnx"])
        self.assertIn("it computes something else", told["warnings"][0])

    def test_warnings_of_the_folder_are_counted_in_the_verdict(self):
        folder = self.folder("short")
        self.replace(folder / "sentence_bert_config.json", {"max_seq_length": 4})
        done = doctor(folder.parent)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("max_seq_length is 4, the special tokens included", done.stdout)
        self.assertRegex(last_line(done), r"^well: .*; \d+ warnings? above$")

    def test_a_model_without_tokenizer_is_timed_only(self):
        folder = self.folder("ids", without=("tokenizer.json",))
        status, told = report(folder.parent)
        self.assertEqual(status, 0, told["verdict"])
        self.assertNotIn("cosine_least", told["precisions"][1])
        self.assertGreater(told["precisions"][1]["tokens_per_s"], 0)
        self.assertIn("none", told["files"]["tokenizer"])

    def test_the_instruction_set_can_be_chosen(self):
        status, told = report("--isa=generic", small_bert())
        self.assertEqual((status, told["machine"]["isa"]), (0, "generic"))

    def test_a_name_is_looked_up_in_the_cache_and_mistakes_on_the_command_line_exit_with_2(self):
        with tempfile.TemporaryDirectory() as cache:
            pathlib.Path(cache, "models/mine").mkdir(parents=True)
            pathlib.Path(cache, "models/mine/1").symlink_to(small_bert())
            environment = {**os.environ, "NESO_CACHE": cache}
            self.assertEqual(doctor("mine", env=environment).returncode, 0)
            missing = doctor("other", env=environment)
            self.assertEqual((missing.returncode, missing.stdout), (1, ""))
            self.assertIn("the cache holds mine", missing.stderr)
        for arguments in ([], ["a", "b"], ["--isa=avx9", "a"], ["--fast", "a"]):
            done = doctor(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn("neso help doctor", done.stderr)


if __name__ == "__main__":
    unittest.main()
