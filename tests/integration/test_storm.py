# SPDX-License-Identifier: Apache-2.0
"""A storm on the real program: well-behaved clients, rude ones and operators at once, at random. Every request gets its one
right answer, or a refusal that is documented; and in the end all is counted, and nothing is left behind.

NESO_STORM_SECONDS says how long, NESO_STORM_SEED repeats the choices of an earlier run (not its timing).
"""

import os
import random
import unittest

from neso_server import ROOT, SANITIZED, Server, TemporaryRepository, eventually, some_encoder
from storm import Storm, times
from storm_actors import ACTORS, FLEETING, RUDE, SHARED, STEADY, SWITCHED, TEXTS

SECONDS = float(os.environ.get("NESO_STORM_SECONDS", 8))
SEED = int(os.environ.get("NESO_STORM_SEED", random.SystemRandom().randrange(1 << 32)))
GRAPHS = ROOT / "tests/data/onnx"
# Allocators keep some of what a storm needed at its highest, and a sanitizer keeps what was freed, and who did it.
KEPT_BYTES = (192 if SANITIZED else 48) << 20


class StormTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        print(f"NESO_STORM_SEED={SEED} NESO_STORM_SECONDS={SECONDS}", flush=True)
        repository = self.enterContext(TemporaryRepository())
        identity = [("model.onnx", GRAPHS / "identity_fp32.onnx")]
        for model in (STEADY, RUDE, FLEETING):
            repository.add(model, config="max_batch_size: 8 dynamic_batching { }", files=identity)
        repository.add(SHARED, files=[("model.onnx", GRAPHS / "simple.onnx")])
        repository.add(SWITCHED, files=[("model.onnx", times(1))])
        repository.add_folder(TEXTS, some_encoder())
        self.server = Server(repository.path, "--model-control-mode=explicit", "--load-model=*")
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.stop())
        self.storm = Storm(self.server, repository, SEED)
        texts = [f"{number} " + "and so on " * (number % 13) for number in range(60)]
        self.storm.vectors = dict(zip(texts, self.server.embed(TEXTS, texts)))

    def blow(self, seconds, name):
        with self.storm.blowing(ACTORS, name):
            self.storm.pause(seconds)
        self.assertIsNone(self.server.process.poll(), "the server ended:\n" + self.server.log_text()[-8000:])
        self.assertEqual(self.storm.verdict(), "")
        self.settles("nv_inference_pending_request_count", 0)

    def settles(self, family, value):
        self.assertIn(family + "{", self.server.metrics())
        eventually(lambda: self.server.counted(family) == value, lambda: f"{family} is {self.server.counted(family)}, not {value}")

    def statistics(self, model):
        (version,) = self.server.get(f"/v2/models/{model}/stats").json()["model_stats"]
        return {what: version["inference_stats"][what]["count"] for what in ("success", "fail")}

    def test_every_request_is_answered_once_and_nothing_is_left_behind(self):
        self.blow(SECONDS / 4, "warm-up")
        begun = [self.server.memory("VmRSS"), self.server.descriptors(), self.server.threads()]
        self.blow(SECONDS * 3 / 4, "storm")
        print(dict(self.storm.counted), flush=True)
        self.check_counters()
        self.check_remains(*begun)
        values = self.storm.values(random.Random(SEED))
        self.assertEqual(self.server.infer(STEADY, [{"name": "INPUT0", "datatype": "FP32", "shape": list(values.shape),
                                                     "data": values.ravel().tolist()}]).status, 200)
        self.assertEqual(self.server.stop(), 0)

    def check_counters(self):
        counted = self.storm.counted
        for model in (STEADY, RUDE, SHARED, SWITCHED, FLEETING, TEXTS):
            self.assertGreater(counted[model, "success"], 0, model)
        self.assertGreater(counted[SWITCHED, "switches"], 0)
        self.assertGreater(counted[FLEETING, "refused"], 0)
        for model in (STEADY, SHARED):
            self.assertEqual(self.statistics(model), {"success": counted[model, "success"], "fail": 0})
        # Also the one request that told the vectors to expect.
        self.assertEqual(self.statistics(TEXTS), {"success": counted[TEXTS, "success"] + 1, "fail": 0})
        # Who has left cannot know whether he was served.
        rude = sum(self.statistics(RUDE).values())
        self.assertGreaterEqual(rude, counted[RUDE, "success"])
        self.assertLessEqual(rude, counted[RUDE, "sent"])

    def check_remains(self, resident, descriptors, threads):
        eventually(lambda: self.server.descriptors() <= descriptors + 4, lambda: f"descriptors: {descriptors}, then {self.server.descriptors()}")
        # gRPC adds a thread to its pool when all are busy.
        eventually(lambda: self.server.threads() <= threads + 4, lambda: f"threads: {threads}, then {self.server.threads()}")
        eventually(lambda: self.server.memory("VmRSS") <= resident + KEPT_BYTES,
                   lambda: f"MiB resident: {resident >> 20}, then {self.server.memory('VmRSS') >> 20}")


if __name__ == "__main__":
    unittest.main()
