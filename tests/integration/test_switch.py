# SPDX-License-Identifier: Apache-2.0
"""Versions that change, fail and go under traffic: each answer belongs to one version, and what serves goes on serving until
something better does."""

import contextlib
import shutil
import unittest

from neso_server import ROOT, SANITIZED, Server, TemporaryRepository, eventually
from storm import Storm, times
from storm_actors import FLEETING, SWITCHED, ask_the_fleeting_model, ask_the_switched_model

SWITCHES = 100
KEPT_BYTES = 16 << 20
NO_GRAPH = b"\x08\x07"


class Switch(unittest.TestCase):
    @contextlib.contextmanager
    def traffic(self, *options, actors=(ask_the_switched_model,) * 3):
        """(storm, server); clients of the switched model ask all the time, and all of them are answered."""
        with TemporaryRepository() as repository:
            repository.add(SWITCHED, files=[("model.onnx", times(1))])
            repository.add(FLEETING, files=[("model.onnx", ROOT / "tests/data/onnx/identity_fp32.onnx")])
            with Server(repository.path, *options) as server:
                storm = Storm(server, repository, seed=1)
                with storm.blowing(actors, "traffic"):
                    yield storm, server
                self.assertEqual(storm.verdict(), "")
                self.assertGreater(storm.counted[SWITCHED, "success"], 0)
                self.assertEqual(server.stop(), 0)

    def post(self, server, verb, model, status=200):
        answer = server.request("POST", f"/v2/repository/models/{model}/{verb}")
        self.assertEqual(answer.status, status, answer.body)
        return answer.body

    def versions(self, server):
        return {entry["version"]: entry for entry in server.request("POST", "/v2/repository/index").json()
                if entry["name"] == SWITCHED}

    def wait_for_traffic(self, storm):
        """So that what has just been done is seen by requests."""
        answered = storm.counted[SWITCHED, "success"]
        eventually(lambda: storm.mistakes or storm.counted[SWITCHED, "success"] > answered + 20, lambda: "nobody is answered any more")

    def assert_serves(self, storm, server, version, broken=None):
        self.wait_for_traffic(storm)
        versions = self.versions(server)
        self.assertEqual(versions.get(str(version), {}).get("state"), "READY", versions)
        if broken is not None:  # polling tries it again now and then: LOADING
            eventually(lambda: "model.onnx" in self.versions(server)[str(broken)].get("reason", ""), lambda: self.versions(server))
        self.assertEqual(server.get(f"/v2/models/{SWITCHED}/ready").status, 200)

    def test_F47_a_hundred_switches_unloads_and_reloads(self):
        actors = (ask_the_switched_model, ask_the_switched_model, ask_the_fleeting_model, ask_the_fleeting_model)
        with self.traffic("--model-control-mode=explicit", "--load-model=*", actors=actors) as (storm, server):
            for turn in range(SWITCHES + 20):
                if turn == 20:  # by now everything has been needed once
                    before = server.memory("VmRSS")
                storm.switch()
                self.post(server, "load", SWITCHED)
                self.post(server, "unload", FLEETING)
                self.post(server, "load", FLEETING)
            self.assert_serves(storm, server, storm.version)
            self.assertEqual(len(self.versions(server)), 1)
            if not SANITIZED:
                eventually(lambda: server.memory("VmRSS") <= before + KEPT_BYTES,
                           lambda: f"MiB resident: {before >> 20}, then {server.memory('VmRSS') >> 20}")

    def test_F46_a_broken_version_is_refused_and_the_old_one_serves_on(self):
        with self.traffic("--model-control-mode=explicit", "--load-model=*") as (storm, server):
            storm.repository.add(SWITCHED, version=2, files=[("model.onnx", NO_GRAPH)])
            self.assertIn(b"model.onnx", self.post(server, "load", SWITCHED, 400))
            self.assert_serves(storm, server, 1, broken=2)
            shutil.rmtree(storm.repository.path / SWITCHED / "1")  # it may be asked for again all the same
            self.post(server, "load", SWITCHED, 400)
            self.assert_serves(storm, server, 1, broken=2)
            (storm.repository.path / SWITCHED / "2/model.onnx").write_bytes(times(2))
            self.post(server, "load", SWITCHED)
            self.assert_serves(storm, server, 2)
            self.assertEqual(set(self.versions(server)), {"2"})

    def test_F46_a_broken_version_in_the_place_of_a_good_one(self):
        with self.traffic("--model-control-mode=explicit", "--load-model=*") as (storm, server):
            (storm.repository.path / SWITCHED / "1/model.onnx").unlink()
            (storm.repository.path / SWITCHED / "1/model.onnx").write_bytes(NO_GRAPH)
            self.post(server, "load", SWITCHED, 400)
            self.assert_serves(storm, server, 1)
            (storm.repository.path / SWITCHED / "config.pbtxt").write_text("max_batch_sise: 4\n")
            self.assertIn(b"max_batch_sise", self.post(server, "load", SWITCHED, 500))
            self.assert_serves(storm, server, 1)

    def test_F46_a_broken_version_that_is_found_by_polling(self):
        with self.traffic("--model-control-mode=poll", "--repository-poll-secs=1") as (storm, server):
            storm.repository.add(SWITCHED, version=2, files=[("model.onnx", NO_GRAPH)])
            eventually(lambda: "2" in self.versions(server) and self.versions(server)["2"]["state"] == "UNAVAILABLE",
                       lambda: self.versions(server))
            self.assert_serves(storm, server, 1, broken=2)
            (storm.repository.path / SWITCHED / "2/model.onnx").write_bytes(times(2))
            eventually(lambda: self.versions(server)["2"]["state"] == "READY", lambda: self.versions(server))
            self.assert_serves(storm, server, 2)


if __name__ == "__main__":
    unittest.main()
