#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--host-policy on the real program: which cores the threads of an instance may run on, as /proc tells."""

import os
import pathlib
import unittest

from neso_server import ROOT, Server, TemporaryRepository, some_encoder

SIMPLE = [("model.onnx", ROOT / "tests/data/onnx/simple.onnx")]
CORES = sorted(os.sched_getaffinity(0))
NODE = pathlib.Path("/sys/devices/system/node/node0/cpulist")


def config(policy, threads=1):
    return (f'instance_group [ {{ count: 1 kind: KIND_CPU host_policy: "{policy}" }} ] '
            f'parameters {{ key: "intra_op_thread_count" value: {{ string_value: "{threads}" }} }}')


def numbers(text):
    """The cores of a list such as 0-3,8."""
    ranges = [part.split("-") for part in text.strip().split(",") if part.strip()]
    return {core for part in ranges for core in range(int(part[0]), int(part[-1]) + 1)}


def threads(server):
    """Of each thread its name and its cores."""
    found = []
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        found.append((status["Name"].strip(), numbers(status["Cpus_allowed_list"])))
    return found


class HostPolicy(unittest.TestCase):
    def assert_serves(self, server, model):
        inputs = [{"name": name, "datatype": "INT32", "shape": [1, 16], "data": [3] * 16} for name in ("INPUT0", "INPUT1")]
        answer = server.infer(model, inputs)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json()["outputs"][0]["data"], [6] * 16)

    def test_instances_run_on_the_cores_of_their_policy_and_nothing_else_does(self):
        if len(CORES) < 2:
            self.skipTest("a process that has one core has no others to leave alone")
        with TemporaryRepository() as repository:
            repository.add("graph", config=config("p", threads=2), files=SIMPLE)
            repository.add("free", config=config("nobody"), files=SIMPLE)
            repository.add_folder("texts", some_encoder(), config='instance_group [ { host_policy: "p" } ]')
            with Server(repository.path, f"--host-policy=p,cpu-cores={CORES[-1]}-{CORES[-1]}") as server:
                for model in ("graph", "free"):
                    self.assert_serves(server, model)
                self.assertEqual(len(server.embed("texts", ["where is it?"])), 1)
                bound = [name for name, cores in threads(server) if cores == {CORES[-1]}]
                free = [name for name, cores in threads(server) if cores == set(CORES)]
                # An engine's thread of each bound model, and the second thread of the graph's runtime.
                self.assertEqual((len(bound), bound.count("engine"), free.count("engine")), (3, 2, 1), threads(server))
                self.assertEqual(len(bound) + len(free), len(threads(server)))
                self.assertRegex(server.log_text(), "host_policy is 'nobody', which no --host-policy tells more of")

    def test_a_model_for_cores_that_are_not_there_is_refused(self):
        with TemporaryRepository() as repository:
            repository.add("graph", config=config("p"), files=SIMPLE)
            with Server(repository.path, f"--host-policy=p,cpu-cores={CORES[-1] + 1}", "--exit-on-error=false") as server:
                (model,) = server.request("POST", "/v2/repository/index").json()
                self.assertEqual(model["state"], "UNAVAILABLE")
                self.assertIn(f"host policy 'p': this process has no core {CORES[-1] + 1}", model["reason"])

    def test_a_node_has_its_cores(self):
        if not NODE.exists() or not (cores := numbers(NODE.read_text()) & set(CORES)):
            self.skipTest("this machine tells nothing of its NUMA nodes")
        with TemporaryRepository() as repository:
            repository.add("graph", config='instance_group [ { count: 1 kind: KIND_CPU } ]', files=SIMPLE)
            with Server(repository.path, "--host-policy=cpu,numa-node=0") as server:  # the name of those that name none
                self.assert_serves(server, "graph")
                self.assertEqual([of_thread for name, of_thread in threads(server) if name == "engine"], [cores])


if __name__ == "__main__":
    unittest.main()
