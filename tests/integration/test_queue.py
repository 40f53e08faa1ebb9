#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Queues, deadlines and caches on the real program."""

import sys
import threading
import time
import unittest

from neso_server import ROOT, Server, TemporaryRepository, some_encoder

DATA = ROOT / "tests/data/onnx"
DOUBLE = DATA / "identity_fp32.onnx"
POLICIES = """
  max_batch_size: 4
  dynamic_batching {
    priority_levels: 3
    default_priority_level: 2
    default_queue_policy { default_timeout_microseconds: 10000000 allow_timeout_override: true max_queue_size: 64 }
    priority_queue_policy { key: 3 value { timeout_action: DELAY default_timeout_microseconds: 1 } }
  }
"""
BULK_SECONDS = 0.25  # that a bulk request takes at least
MOST_TEXTS = 1000    # of one


def bulk_texts(request, count):
    return [f"{request} " + "the quick brown fox jumps over the lazy dog " * 12 + str(i) for i in range(count)]


def text_input(texts):
    return [{"name": "text", "datatype": "BYTES", "shape": [len(texts), 1], "data": texts}]


class Queue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        cls.repository.add_folder("minilm", some_encoder(), config="max_batch_size: 1024")
        graph = [("model.onnx", DOUBLE)]
        cls.repository.add("cached", config="response_cache { enable: true }", files=graph)
        cls.repository.add("levels", config=POLICIES, files=graph)
        cls.repository.add("ordered", config="max_batch_size: 4 dynamic_batching { preserve_ordering: true }", files=graph)
        cls.server = Server(cls.repository.path, "--cache-config=local,size=1048576", "--result-cache=1000000")
        (cls.tensor,) = cls.server.get("/v2/models/cached").json()["inputs"]
        cls.bulk_size = cls.enough_texts()

    @classmethod
    def enough_texts(cls):
        """So many texts that this machine, in this build, computes for a while."""
        count, took = 15, 0.0
        while took < BULK_SECONDS and count < MOST_TEXTS:
            count = min(2 * count, MOST_TEXTS)
            begun = time.monotonic()
            cls.server.embed("minilm", bulk_texts(f"a try of {count}", count))
            took = time.monotonic() - begun
        return count

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.repository.__exit__()

    def ask(self, model, value, headers=None, **parameters):
        inputs = [{"name": self.tensor["name"], "datatype": "FP32", "shape": [1, 2], "data": [value, -value]}]
        body = {"inputs": inputs, "parameters": parameters}
        return self.server.request("POST", f"/v2/models/{model}/infer", body, headers)

    def statistics(self, model):
        (statistics,) = self.server.get(f"/v2/models/{model}/stats").json()["model_stats"]
        return statistics

    def test_nothing_of_a_scheduler_is_without_effect(self):
        self.assertNotIn("does not act on", self.server.log_text())

    def test_a_priority_is_taken_or_is_the_default(self):
        for priority in (0, 1, 2, 3, 4, 2**63):
            with self.subTest(priority):
                self.assertEqual(self.ask("levels", 1.0, priority=priority, timeout=5_000_000).status, 200)

    def test_a_timeout_means_nothing_without_a_policy(self):
        self.assertEqual(self.ask("ordered", 1.0, timeout=1).status, 200)
        self.assertEqual(self.ask("cached", 17.0, timeout=1).status, 200)

    def test_the_response_cache_counts_as_triton_does(self):
        first = self.ask("cached", 5.0)
        self.assertEqual(first.status, 200, first.body)
        for _ in range(2):
            self.assertEqual(self.ask("cached", 5.0).json()["outputs"], first.json()["outputs"])
        counted = self.statistics("cached")
        statistics = counted["inference_stats"]
        self.assertEqual(statistics["cache_hit"]["count"], 2)
        self.assertEqual(statistics["success"]["count"], statistics["cache_hit"]["count"] + statistics["cache_miss"]["count"])
        self.assertEqual(statistics["compute_infer"]["count"], statistics["cache_miss"]["count"])
        self.assertEqual(counted["execution_count"], statistics["cache_miss"]["count"])
        metrics = self.server.metrics()
        self.assertIn('nv_cache_num_hits_per_model{model="cached",version="1"} 2\n', metrics)
        self.assertRegex(metrics, r"nv_cache_num_hits 2\n")
        self.assertIn('nv_inference_pending_request_count{model="cached",version="1"} 0\n', metrics)

    def test_a_vector_that_is_kept_is_not_computed_again(self):
        text = "kept for the next time"
        first = self.server.embed("minilm", [text])
        before = self.statistics("minilm")
        self.assertEqual(self.server.embed("minilm", [text]), first)
        after = self.statistics("minilm")
        self.assertEqual(after["execution_count"], before["execution_count"])
        self.assertEqual(after["inference_stats"]["success"]["count"], before["inference_stats"]["success"]["count"] + 1)
        self.assertRegex(self.server.metrics(), r'neso_cache_hits_total\{cache="results",model="minilm",version="1"\} [1-9]')

    def test_a_deadline_that_has_passed_ends_the_request(self):
        for header, value in (("Request-Timeout", "0.000001"), ("X-Request-Timeout-Ms", "0.001"),
                              ("x-envoy-expected-rq-timeout-ms", "0.001"), ("grpc-timeout", "1n")):
            with self.subTest(header):
                answer = self.ask("levels", 1.0, {header: value})
                self.assertEqual(answer.status, 503, answer.body)
        self.assertEqual(self.ask("levels", 1.0, {"Request-Timeout": "soon"}).status, 200)

    def beside_bulk(self, requests, act):
        """What act(bulk_goes_on, statuses) returns while so many requests of many texts are served, and their statuses.

        A machine may be faster now than when it was measured: as long as that is None, the bulk is over too early and
        is made larger.
        """
        size, result = self.bulk_size, None
        while True:
            statuses = []

            def bulk(number, size=size, statuses=statuses):
                inputs = text_input(bulk_texts(f"{number} of {size}", size))
                statuses.append(self.server.request("POST", "/v2/models/minilm/infer", {"inputs": inputs}).status)

            threads = [threading.Thread(target=bulk, args=(i,)) for i in range(requests)]
            for thread in threads:
                thread.start()
            result = act(lambda: any(thread.is_alive() for thread in threads), statuses)
            for thread in threads:
                thread.join()
            if result is not None or size >= MOST_TEXTS:
                return result, statuses
            size = min(2 * size, MOST_TEXTS)

    # What a client waits for is not tested by the clock: the small request is answered while most of the bulk waits.
    def test_a_small_request_does_not_wait_for_the_bulk_before_it(self):
        def small(bulk_goes_on, answered):
            while not self.busy("minilm"):
                if not bulk_goes_on():
                    return None
                time.sleep(0.005)
            self.server.embed("minilm", [f"where is the retry logic? {time.monotonic_ns()}"])
            return len(answered)

        before_small, answered = self.beside_bulk(4, small)
        self.assertIsNotNone(before_small, "the bulk was over before it was seen")
        self.assertLess(before_small, 4)
        self.assertEqual(answered, [200] * 4)

    def busy(self, model):
        return f'nv_inference_pending_request_count{{model="{model}",version="1"}} 0\n' not in self.server.metrics()

    def test_a_request_that_cannot_meet_its_deadline_is_refused_at_once(self):
        def hurried(bulk_goes_on, _):
            while bulk_goes_on():
                late = bulk_texts(f"late {time.monotonic_ns()}", self.bulk_size)  # none of them is in the cache
                answer = self.server.request("POST", "/v2/models/minilm/infer", {"inputs": text_input(late)},
                                             {"X-Request-Timeout-Ms": "200"})
                if "retry-after-ms" in answer.headers:
                    return answer
            return None

        refusal, bulk = self.beside_bulk(6, hurried)
        self.assertIsNotNone(refusal, "nothing was refused")
        self.assertEqual(bulk, [200] * 6)
        self.assertEqual(refusal.status, 503)
        self.assertGreaterEqual(int(refusal.headers["retry-after"]), 1)
        self.assertIn("try again later", refusal.json()["error"])


class NoCache(unittest.TestCase):
    def test_a_model_that_wants_a_cache_is_served_without_and_the_log_says_so(self):
        with TemporaryRepository() as repository:
            repository.add("cached", config="response_cache { enable: true }", files=[("model.onnx", DOUBLE)])
            with Server(repository.path) as server:
                self.assertIn("--cache-config=local,size=BYTES", server.log_text())


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
