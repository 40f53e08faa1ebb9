#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""KIND_GPU on a machine without one: what is asked of ONNX Runtime where the libraries say that there are two GPUs, and the
one warning where something is missing. The sessions themselves run on the CPU."""

import os
import pathlib
import re
import sys
import tempfile
import unittest
from unittest import mock

from neso_server import ROOT, Server, TemporaryRepository

GRAPH = ROOT / "tests/data/onnx/identity_fp32.onnx"
STAND_INS = pathlib.Path(os.environ.get("NESO_STAND_INS", ROOT / "build/release/stand_ins"))
EXPECTED = re.compile("autofilled max_batch_size|environment variable NESO_BINARY")  # warnings that are not about GPUs
GPU_LIBRARY = f"--onnxruntime-library={STAND_INS / 'libonnxruntime.so.1'}"
INPUT = {"name": "INPUT0", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}


class Gpus(unittest.TestCase):
    def setUp(self):
        self.repository = TemporaryRepository()
        self.addCleanup(self.repository.__exit__)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.set_up = pathlib.Path(folder.name, "log")

    def serve(self, config, *options, driver=True, **variables):
        """A server of one graph; `driver`: with two GPUs."""
        self.repository.add("m", config=config, files=[("model.onnx", GRAPH)])
        variables |= {"STAND_IN_LOG": str(self.set_up), "STAND_IN_GPUS": "2" if driver else "-1",
                      "LD_LIBRARY_PATH": str(STAND_INS)}
        with mock.patch.dict(os.environ, variables):
            for name in ("NESO_BINARY", "NESO_STAND_INS"):  # the tests' own, which the server would warn of
                os.environ.pop(name, None)
            server = Server(self.repository.path, *options)
        self.addCleanup(server.stop)
        answer = server.infer("m", [INPUT])
        self.assertEqual((answer.status, answer.json()["outputs"][0]["data"]), (200, [1, 2]))
        return server

    def providers(self):
        return self.set_up.read_text().splitlines() if self.set_up.exists() else []

    def group(self, server):
        return server.get("/v2/models/m/config").json()["instance_group"][0]

    def one_warning(self, server, *parts):
        warnings = [line for line in server.log if line.startswith("W") and not EXPECTED.search(line)]
        self.assertEqual(len(warnings), 1, server.log_text())
        for part in parts:
            self.assertIn(part, warnings[0])
        self.assertFalse([line for line in server.log if line.startswith("E")], server.log_text())

    def test_an_instance_is_opened_on_each_gpu(self):
        server = self.serve("instance_group { kind: KIND_GPU count: 2 }", GPU_LIBRARY)
        self.assertEqual(self.providers(), ["CUDA device_id=0", "CUDA device_id=1"] * 2)
        self.assertEqual(self.group(server)["gpus"], [0, 1])
        self.assertIn("on GPU 0", server.log_text())
        self.assertFalse([line for line in server.log if line[:1] in ("W", "E") and not EXPECTED.search(line)], server.log_text())

    def test_kind_auto_goes_where_a_gpu_is(self):
        server = self.serve(None, GPU_LIBRARY)
        self.assertEqual(self.providers(), ["CUDA device_id=0", "CUDA device_id=1"])
        self.assertEqual((self.group(server)["kind"], self.group(server)["count"]), ("KIND_GPU", 1))

    def test_kind_auto_without_one_is_not_worth_a_word(self):
        server = self.serve(None, GPU_LIBRARY, driver=False)
        self.assertEqual(self.providers(), [])
        self.assertEqual((self.group(server)["kind"], self.group(server)["count"]), ("KIND_CPU", 2))
        self.assertNotIn("GPU", server.log_text().replace("KIND_GPU", ""))

    def test_tensorrt_comes_first_with_its_parameters(self):
        self.serve('instance_group { kind: KIND_GPU gpus: [1] } parameters { key: "gpu_mem_limit" value { string_value: "9" } } '
                   'optimization { execution_accelerators { gpu_execution_accelerator { name: "tensorrt" '
                   'parameters { key: "precision_mode" value: "FP16" } } } }', GPU_LIBRARY)
        self.assertEqual(self.providers(), ["TensorRT device_id=1 trt_fp16_enable=1", "CUDA device_id=1 gpu_mem_limit=9"])

    def test_without_tensorrt_cuda_has_the_graph(self):
        server = self.serve('instance_group { kind: KIND_GPU gpus: [0] } optimization { execution_accelerators { '
                            'gpu_execution_accelerator { name: "tensorrt" } } }', GPU_LIBRARY, STAND_IN_FAILS="TensorRT")
        self.assertEqual(self.providers(), ["CUDA device_id=0"])
        self.one_warning(server, "without the TensorRT that its config asks for", "libcublasLt.so.13")

    def test_without_cuda_the_cpu_has_it(self):
        server = self.serve("instance_group { kind: KIND_GPU count: 2 }", GPU_LIBRARY, STAND_IN_FAILS="CUDA")
        self.assertEqual(self.providers(), [])
        self.one_warning(server, "runs on the CPU", "libcublasLt.so.13: cannot open", "LD_LIBRARY_PATH")

    def test_a_library_for_cpus_says_which_to_take(self):
        self.one_warning(self.serve("instance_group { kind: KIND_GPU }"), "KIND_GPU", "runs on the CPU", "onnxruntime-gpu")

    def test_that_there_is_no_gpu_is_told_first(self):
        self.one_warning(self.serve("instance_group { kind: KIND_GPU }", driver=False), "KIND_GPU", "runs on the CPU",
                         "NVIDIA's driver gives no GPU")

    def test_settings_of_gpus_are_named_on_the_cpu(self):
        config = 'instance_group { kind: KIND_CPU } parameters { key: "gpu_mem_limit" value { string_value: "9" } }'
        self.one_warning(self.serve(config, GPU_LIBRARY), 'parameters[\\"gpu_mem_limit\\"]', "no effect on the CPU")

    def test_metrics_of_the_gpus(self):
        server = self.serve(None)
        families = re.findall(r"`(nv_(?:gpu|energy)_\w+)`", (ROOT / "docs/metrics.md").read_text())
        self.assertEqual(sorted(families), sorted(re.findall(r"# TYPE (nv_(?:gpu|energy)_\w+)", server.metrics())))
        for line in ('nv_gpu_utilization{gpu_uuid="GPU-aaaa"} 0.25', 'nv_gpu_power_usage{gpu_uuid="GPU-bbbb"} 90',
                     'nv_energy_consumption{gpu_uuid="GPU-aaaa"} 0'):
            self.assertIn(line + "\n", server.metrics())

    def test_metrics_of_the_gpus_are_left_out(self):
        for options, driver in ((("--allow-gpu-metrics=false",), True), ((), False)):
            with self.subTest(options=options):
                self.assertNotIn("nv_gpu_", self.serve(None, *options, driver=driver).metrics())
                self.repository.__exit__()


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
