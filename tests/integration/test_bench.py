# SPDX-License-Identifier: Apache-2.0
"""`neso bench`, on a small model: what is measured, refused and drawn. Figures are those of the machine, so nothing here
says how large one is."""

import json
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from neso_server import NESO, run_tool

SVG = "{http://www.w3.org/2000/svg}"


class Bench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.model = pathlib.Path(folder.name, "model")
        cls.export = pathlib.Path(folder.name, "export.onnx")
        run_tool("make_bert.py", "--hidden", 64, "--layers", 2, "--heads", 4, "--intermediate", 128, "--vocab", 1000,
                 "--out", cls.model)
        run_tool("bert_to_onnx.py", cls.model, cls.export)

    def bench(self, *arguments):
        words = [NESO, "bench", "--model", self.model, "--seconds", "0.02", *map(str, arguments)]
        return subprocess.run(words, capture_output=True, timeout=1200)

    def lines(self, *arguments):
        """The peaks and the rows of a run."""
        done = self.bench(*arguments, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [line for line in lines if line["case"] == "peak"], [line for line in lines if line["case"] != "peak"]

    def test_a_json_line_per_case_and_engine(self):
        peaks, rows = self.lines("--engine", "cpu", "--cases", "len8,single8,batch2")
        self.assertEqual(len(peaks), 1)
        self.assertGreater(peaks[0]["fp32_gflops"], 0)
        self.assertEqual([(row["case"], row["engine"]) for row in rows],
                         [("len8", "cpu"), ("single8", "cpu"), ("batch2", "cpu")])
        for row in rows:
            self.assertEqual((row["isa"], row["threads"]), (peaks[0]["isa"], peaks[0]["threads"]))
            for figure in ("tokens_per_s", "texts_per_s", "ms_p50", "ms_p99", "roof_share"):
                self.assertGreater(row[figure], 0)

    def test_engines_agree_on_each_pooling(self):
        for pooling in ("cls", "lasttoken", "mean", "max"):
            _, rows = self.lines("--cases", "batch2", "--pooling", pooling, "--onnx", self.export)
            self.assertEqual([row["engine"] for row in rows], ["cpu", "onnx"])
            self.assertGreater(rows[1]["min_cosine"], 0.9999, pooling)

    def test_an_unknown_pooling_is_refused_with_the_choice(self):
        done = self.bench("--engine", "cpu", "--cases", "single1", "--pooling", "median")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"--pooling takes cls, max, mean", done.stderr)

    def test_the_profile_adds_up(self):
        _, rows = self.lines("--engine", "cpu", "--cases", "len8,single4", "--profile")
        for row in rows:
            self.assertAlmostEqual(sum(row["profile"].values()), 1)
            self.assertIn("up", row["profile"])
        table = self.bench("--engine", "cpu", "--cases", "len8", "--profile").stdout.decode()
        self.assertRegex(table.splitlines()[-1], r"^ +[a-z, ]+ \d+\.\d %, .*softmax \d")

    def test_every_combination_of_the_lists_is_an_engine_and_has_the_peak_of_its_kind(self):
        best = self.lines("--engine", "cpu", "--cases", "single1")[0][0]["isa"]
        peaks, rows = self.lines("--engine", "cpu", "--cases", "single4", "--precision", "fp32,int8",
                                 "--isa", f"generic,{best}", "--threads", "1,2")
        kinds = [(isa, threads) for isa in ("generic", best) for threads in (1, 2)]
        self.assertEqual(sorted((peak["isa"], peak["threads"]) for peak in peaks), sorted(kinds))
        self.assertEqual([(row["precision"], row["isa"], row["threads"]) for row in rows],
                         [(precision, *kind) for precision in ("fp32", "int8") for kind in kinds])
        self.assertEqual(rows[-1]["ratio"], 1)
        for row in rows:
            self.assertGreater(row["min_cosine"], 0.9999 if row["precision"] == "fp32" else 0.9)

    def test_onnx_runtime_is_compared_per_number_of_threads_and_the_export_comes_last(self):
        peaks, rows = self.lines("--cases", "batch1", "--threads", "1,2", "--onnx", self.export, "--onnx-int8", self.export)
        self.assertEqual([(row["engine"], row["precision"], row["threads"]) for row in rows],
                         [(*engine, threads) for engine in (("cpu", "fp32"), ("onnx", "int8"), ("onnx", "exported"))
                          for threads in (1, 2)])
        for row in rows[2:]:
            self.assertIsNone(row["isa"])
            self.assertNotIn("roof_share", row)
            self.assertGreater(row["min_cosine"], 0.9999)

    def test_the_table_has_a_line_per_peak_case_and_engine(self):
        done = self.bench("--engine", "cpu", "--cases", "single1,batch1", "--precision", "fp32,bf16")
        self.assertEqual(done.returncode, 0, done.stderr)
        first, head, *rows = done.stdout.decode().splitlines()
        self.assertTrue(first.startswith("peak of "), first)
        self.assertEqual(head.split()[:5], ["case", "engine", "precision", "isa", "threads"])
        self.assertEqual([row.split()[:3] for row in rows],
                         [[case, "cpu", precision] for case in ("single1", "batch1") for precision in ("fp32", "bf16")])

    def test_what_cannot_be_measured_is_refused_at_once(self):
        for words, complaint in ((("--isa", "avx1024"), b"no instruction set 'avx1024'"),
                                 (("--threads", "1,1"), b"--threads names '1' twice"),
                                 (("--threads", "some"), b"--threads takes numbers"),
                                 (("--precision", "fp32,fp32"), b"--precision names 'fp32' twice"),
                                 (("--cases", "len8,batch"), b"there is no case 'batch'"),
                                 (("--plot", "/no/such/folder/plot.svg"), b"/no/such/folder"),
                                 (("--plot", self.model), b"it is a folder"),
                                 (("--plot", "plot.svg", "--cases", "mixed"), b"--cases names none")):
            done = self.bench("--engine", "cpu", *words)
            self.assertEqual((done.returncode, done.stdout), (1, b""), words)
            self.assertIn(complaint, done.stderr)

    def test_the_plot_has_a_line_per_panel_and_engine(self):
        plot = self.model / "plot.svg"
        done = self.bench("--engine", "cpu", "--precision", "fp32,bf16", "--cases", "batch2,len8,batch1", "--plot", plot)
        self.assertEqual(done.returncode, 0, done.stderr)
        svg = xml.etree.ElementTree.parse(plot).getroot()
        self.assertEqual(svg.tag, f"{SVG}svg")
        lines = [(line.find(f"{SVG}title").text, len(line.get("points").split())) for line in svg.iter(f"{SVG}polyline")]
        self.assertEqual(lines, [("cpu fp32", 1), ("cpu bf16", 1), ("cpu fp32", 2), ("cpu bf16", 2)])


if __name__ == "__main__":
    unittest.main()
