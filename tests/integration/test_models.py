# SPDX-License-Identifier: Apache-2.0
"""Models that are asked, configured or stored badly: what the client, the log and the counters are told."""

import json
import os
import pathlib
import subprocess
import unittest

from neso_server import MINILM, NESO, ROOT, Server, TemporaryRepository

DATA = ROOT / "tests/data/onnx"


def tensor(name, datatype, data):
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


class FailingRuns(unittest.TestCase):
    """A graph that cannot compute with what it is given: Gather beyond its 4 rows."""

    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        cls.repository.add("fails", files=[("model.onnx", DATA / "fails_at_run.onnx")])
        cls.server = Server(cls.repository.path)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.repository.__exit__()

    def pick(self, index, datatype="INT64"):
        inputs = [tensor("INDEX", datatype, [index]), tensor("X", "FP32", [1, 2, 3]), tensor("TARGET", "INT64", [3, 1])]
        return self.server.infer("fails", inputs, outputs=[{"name": "PICKED"}])

    def failures(self):
        statistics = self.server.get("/v2/models/fails/stats").json()["model_stats"][0]["inference_stats"]
        by_reason = {line.split('reason="')[1].split('"')[0]: int(line.split()[-1])
                     for line in self.server.metrics().splitlines() if line.startswith("nv_inference_request_failure{")}
        return statistics["fail"]["count"], by_reason

    def test_it_is_a_clients_error_counted_as_the_backends_and_not_a_line_in_the_log_each(self):
        self.assertEqual(self.pick(2).status, 200)
        for _ in range(20):
            answer = self.pick(7)
            self.assertEqual(answer.status, 400, answer.body)
        sentence = answer.json()["error"]
        self.assertIn("the model's Gather node cannot compute with these inputs: indices element out of data bounds, idx=7", sentence)
        self.assertEqual(self.failures(), (20, {"REJECTED": 0, "CANCELED": 0, "BACKEND": 20, "OTHER": 0}))
        told = [line for line in self.server.log if "Gather" in line or line.startswith("E")]
        self.assertLessEqual(len(told), 2, told)  # one of a client a minute
        self.assertTrue(all("HTTPService: refused a request of 127.0.0.1:" in line for line in told), told)
        # Refused before it is queued: counted nowhere.
        self.assertEqual(self.pick(1, datatype="INT32").status, 400)
        self.assertEqual(self.failures()[0], 20)


class Repository(unittest.TestCase):
    """Each test makes models, starts a server on them and looks at the index and the log."""

    def setUp(self):
        self.repository = TemporaryRepository()
        self.addCleanup(self.repository.__exit__)

    def serve(self, **options):
        server = Server(self.repository.path, "--exit-on-error=false", "--strict-readiness=false", **options)
        self.addCleanup(server.stop)
        self.index = {entry["name"]: entry for entry in server.request("POST", "/v2/repository/index").json()}
        return server

    def assert_refused(self, reasons):
        for name, reason in reasons.items():
            self.assertEqual(self.index[name].get("state"), "UNAVAILABLE", name)
            self.assertIn(reason, self.index[name]["reason"])

    def change(self, folder, file, **members):
        """Rewrites a JSON file of a model folder, whose files are links to be left alone."""
        content = json.loads((folder / file).read_text())
        (folder / file).unlink()
        (folder / file).write_text(json.dumps({**content, **members}))


class Configs(Repository):
    INPUT = 'input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]\n'
    OUTPUT = 'output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]\n'

    def test_each_mistake_has_a_sentence(self):
        batching, both = "max_batch_size: 8\n", self.INPUT + self.OUTPUT
        cases = {
            "twin_inputs": (batching + both + self.INPUT, "model input 'INPUT0' is declared twice, as input[0] and input[1]"),
            "twin_outputs": (batching + both + self.OUTPUT, "model output 'OUTPUT0' is declared twice, as output[0] and output[1]"),
            "huge": (batching + both.replace("-1", "4611686018427387904", 1), "dims [4611686018427387904] are more bytes"),
            "many": (batching + both + "instance_group [ { count: 100000 } ]", "instance_group[0].count: 100000 instances"),
            "open": (batching + "input [ { name: \"a\" }\n" + self.OUTPUT, "open/config.pbtxt:2:7: the [ that is opened here is never closed"),
            "wrong": (batching + "input [ { name: \"a\" ]\n", "config.pbtxt:2:21: found ], but the { opened at line 2, column 9"),
            "chain": ('platform: "ensemble"\n' + both + "ensemble_scheduling { step [ { } ] }", "must specify 'model_name' in step 0 of ensemble"),
        }
        for name, (config, _) in cases.items():
            self.repository.add(name, config=config, files=[("model.onnx", DATA / "identity_fp32.onnx")])
        self.serve()
        self.assert_refused({name: reason for name, (_, reason) in cases.items()})

    def test_what_triton_takes_and_a_byte_order_mark_are_taken(self):
        configs = {"none": "instance_group [ { count: 0 } ]", "negative": "instance_group [ { count: -1 } ]", "marked": "\ufeff"}
        for name, config in configs.items():
            text = config + "\nmax_batch_size: 8\n" + self.INPUT + self.OUTPUT
            self.repository.add(name, config=text, files=[("model.onnx", DATA / "identity_fp32.onnx")])
        self.serve()
        self.assertEqual({name: self.index[name]["state"] for name in configs}, dict.fromkeys(configs, "READY"))


class Folders(Repository):
    def test_settings_that_are_hardly_meant_are_warned_about_and_served(self):
        fewer = self.repository.add_folder("fewer", MINILM)
        self.change(fewer, "config.json", num_hidden_layers=2)
        long = self.repository.add_folder("long", MINILM)
        self.change(long, "sentence_bert_config.json", max_seq_length=10**9)
        short = self.repository.add_folder("short", MINILM)
        self.change(short, "sentence_bert_config.json", max_seq_length=2)
        server = self.serve()
        warnings = [line for line in server.log if line.startswith("W")]
        for name, sentence in (("fewer", "is 2, but the weights hold 6 layers"), ("long", "is 1000000000, but config.json's"),
                               ("short", "max_seq_length is 2, the special tokens included")):
            self.assertEqual(len([line for line in warnings if f"model '{name}'" in line and sentence in line]), 1, warnings)
            self.assertEqual(len(server.embed(name, ["a text"])[0]), 384)

    def test_a_description_that_is_no_object_and_a_link_that_leads_out(self):
        plain = self.repository.add_folder("plain", MINILM, without=("config.json",))
        (plain / "config.json").write_text("[]")
        linked = self.repository.add_folder("linked", MINILM, without=("1_Pooling/config.json",))
        (linked / "1_Pooling").symlink_to(MINILM / "1_Pooling")
        self.serve()
        self.assert_refused({"plain": 'plain/1/config.json must hold an object, {"key": value, ...}, but holds a list',
                             "linked": 'the path "1_Pooling" of a module is a link that leads out of the folder'})

    def test_what_may_not_be_read_says_so(self):
        closed = {"folder": "", "description": "config.json", "weights": "model.safetensors"}
        for name, file in closed.items():
            folder = self.repository.add_folder(name, MINILM)
            if file:  # a copy: the rights of a link are those of the file that it shares
                content = (folder / file).read_bytes()
                (folder / file).unlink()
                (folder / file).write_bytes(content)
            (folder / file).chmod(0)
            self.addCleanup((folder / file).chmod, 0o700)
        self.repository.path.chmod(0o755)
        self.serve(prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.geteuid() == 0 else ())
        for name, file in closed.items():
            self.assert_refused({name: f"'{pathlib.PurePath(name, '1', file)}': Permission denied (this program runs as user id"})


class ReferenceVectors(Repository):
    """reference_vectors.json: what sentence-transformers made of the model decides whether it serves."""

    GOLDEN = json.loads((ROOT / "tests/golden/minilm.json").read_text())["cases"][:12]

    def add(self, name, cases, config=None):
        vectors = [{"text": case["text"], "vector": case["vector"]} for case in cases]
        folder = self.repository.add_folder(name, MINILM, config=config)
        (folder / "reference_vectors.json").write_text(json.dumps({"made_by": "a test", "vectors": vectors}))

    def test_the_right_vectors_load_in_every_precision_and_a_wrong_one_is_refused(self):
        for precision in ("fp32", "bf16", "int8"):
            self.add(precision, self.GOLDEN, f'parameters {{ key: "precision" value {{ string_value: "{precision}" }} }}')
        swapped = [*self.GOLDEN[:5], {"text": "another text", "vector": self.GOLDEN[5]["vector"]}]
        self.add("wrong", swapped, 'parameters { key: "precision" value { string_value: "fp32" } }')
        self.add("wide", [{"text": "a", "vector": [0.1] * 768}])
        self.add("broken", [])
        server = self.serve()
        for name in ("fp32", "bf16", "int8"):
            self.assertEqual(self.index[name]["state"], "READY", self.index[name])
            self.assertIn(f"model '{name}' version 1: 12 reference vectors, least cosine ", server.log_text())
        self.assert_refused({
            "wrong": "wrong/1/reference_vectors.json has a cosine of 0.",
            "wide": "its vectors have 768 values, but this model's have 384",
            "broken": '"vectors" must be a list of at least one',
        })
        self.assertRegex(self.index["wrong"]["reason"], r"text 5 of .* less than 0\.9999; check that weights, tokenizer, pooling")


class Precisions(unittest.TestCase):
    """Precision of our own engine, for all models and for one."""

    TEXTS = ["where is the retry logic?", "def add(a, b):\n    return a + b\n", "The cat sat on the mat."]

    def vectors(self, *options, config=None):
        with TemporaryRepository() as repository:
            repository.add_folder("minilm", MINILM, config=config)
            with Server(repository.path, *options) as server:
                return server.embed("minilm", self.TEXTS), server.log_text()

    def test_reduced_precisions_answer_nearly_the_same_and_the_log_says_which(self):
        exact, log = self.vectors("--precision=fp32")
        self.assertIn("cpu, fp32, 384 dimensions", log)
        self.assertNotIn("computes in", log)
        for precision, least in (("bf16", 0.999), ("int8", 0.995)):
            config = f'parameters {{ key: "precision" value {{ string_value: "{precision}" }} }}'
            by_config, log = self.vectors(config=config)
            self.assertIn(f"cpu, {precision}, 384 dimensions", log)
            by_option, _ = self.vectors(f"--precision={precision}")
            self.assertEqual(by_config, by_option)
            for ours, theirs in zip(exact, by_config):
                self.assertGreater(sum(a * b for a, b in zip(ours, theirs)), least)
                self.assertNotEqual(ours, theirs)

    def test_by_default_the_fastest_faithful_one_is_chosen_and_the_log_says_why(self):
        exact, _ = self.vectors("--precision=fp32")
        chosen, log = self.vectors()
        self.assertRegex(log, r"model 'minilm' version 1 computes in (bf16: the least cosine of bf16 to fp32 is 0\.9999|fp32: )")
        for ours, theirs in zip(exact, chosen):
            self.assertGreater(sum(a * b for a, b in zip(ours, theirs)), 0.9999)

    def test_another_word_is_refused_with_the_list(self):
        config = 'parameters { key: "precision" value { string_value: "fp8" } }'
        with TemporaryRepository() as repository:
            repository.add_folder("minilm", MINILM, config=config)
            with Server(repository.path, "--exit-on-error=false") as server:
                self.assertIn("choose from auto, fp32, bf16, int8", server.log_text())
        for option, words in (("--precision=fp8", "choose from auto, fp32, bf16, int8"), ("--isa=avx9", "choose from generic")):
            done = subprocess.run([NESO, "serve", "--model-repository=/", option], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
