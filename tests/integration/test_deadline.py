#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever waits is answered when its time is over, not when the engine gets round to it: on the real program, whose only
instance runs one long request meanwhile. No times are compared: all is over before that request is."""

import threading
import time
import unittest

import grpc
import numpy as np
import tritonclient.grpc as triton
from neso_server import Server, TemporaryRepository, eventually
from onnx import TensorProto, helper, numpy_helper
from tritonclient.utils import InferenceServerException

CONFIG = """
  max_batch_size: 1
  instance_group [ { count: 1 kind: KIND_CPU } ]
  parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
  dynamic_batching {
    default_queue_policy { default_timeout_microseconds: 600000000 allow_timeout_override: true }
  }
"""
# The times that run out here are a small part of it.
LONG_S = 8


def rounds_of_work():
    """A graph that works for as many rounds as its input says, and answers the number."""
    # Products of itself are itself, exactly: every round takes as long as the first.
    square = numpy_helper.from_array(np.eye(160, dtype=np.float32), "SQUARE")
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("MatMul", ["carried", "SQUARE"], ["next"]), helper.make_node("Identity", ["condition"], ["again"])], "body",
        [value("round", TensorProto.INT64, []), value("condition", TensorProto.BOOL, []), value("carried", TensorProto.FLOAT, [160, 160])],
        [value("again", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [160, 160])])
    constants = [square, numpy_helper.from_array(np.array(True), "YES"), numpy_helper.from_array(np.array(0, dtype=np.float32), "ZERO")]
    nodes = [helper.make_node("ReduceMax", ["ROUNDS"], ["rounds"], keepdims=0),
             helper.make_node("Loop", ["rounds", "YES", "SQUARE"], ["last"], body=body),
             helper.make_node("ReduceMax", ["last"], ["largest"], keepdims=0),
             helper.make_node("Mul", ["largest", "ZERO"], ["nothing"]),
             helper.make_node("Cast", ["ROUNDS"], ["count"], to=TensorProto.FLOAT),
             helper.make_node("Add", ["count", "nothing"], ["DONE"])]
    graph = helper.make_graph(nodes, "graph", [value("ROUNDS", TensorProto.INT64, ["batch", 1])],
                              [value("DONE", TensorProto.FLOAT, ["batch", 1])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Deadline(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        for name in ("measured", "long"):  # two, so that what is measured does not tell the other one's speed
            cls.repository.add(name, config=CONFIG, files=[("model.onnx", rounds_of_work())])
        cls.server = Server(cls.repository.path)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.repository.__exit__()

    def ask(self, model, rounds, headers=None, **parameters):
        inputs = [{"name": "ROUNDS", "datatype": "INT64", "shape": [1, 1], "data": [rounds]}]
        return self.server.request("POST", f"/v2/models/{model}/infer", {"inputs": inputs, "parameters": parameters}, headers)

    def long_rounds(self):
        """As many as take this machine, and this build, that long."""
        rounds = 100
        while True:
            begin = time.monotonic()
            self.assertEqual(self.ask("measured", rounds).status, 200)
            if (took := time.monotonic() - begin) > 0.5:
                return int(rounds * LONG_S / took)
            rounds *= 4

    def failures(self):
        (statistics,) = self.server.get("/v2/models/long/stats").json()["model_stats"]
        return statistics["inference_stats"]["fail"]["count"]

    def waiting(self):
        return self.server.counted("nv_inference_pending_request_count", model="long")

    def begin_long_work(self):
        """Answers the thread of a request that keeps the instance busy, and where its answer will be."""
        answers = []
        rounds = self.long_rounds()
        work = threading.Thread(target=lambda: answers.append(self.ask("long", rounds)))
        work.start()
        answer = None
        while answer is None or answer.status == 200:  # the instance is not busy yet
            answer = self.ask("long", 0, {"X-Request-Timeout-Ms": "100"})
        return work, answers, answer

    def ask_over_grpc(self, **how):
        with triton.InferenceServerClient(f"127.0.0.1:{self.server.grpc_port}") as client:
            rounds = triton.InferInput("ROUNDS", [1, 1], "INT64")
            rounds.set_data_from_numpy(np.zeros((1, 1), dtype=np.int64))
            with self.assertRaises(InferenceServerException) as refused:
                client.infer("long", [rounds], **how)
            return refused.exception

    def test_each_kind_of_deadline_is_answered_while_the_engine_is_busy(self):
        work, answers, by_header = self.begin_long_work()
        try:
            failed = self.failures()
            by_parameter = self.ask("long", 0, timeout=100_000)
            by_parameter_over_grpc = self.ask_over_grpc(timeout=100_000)
            by_deadline = self.ask_over_grpc(client_timeout=0.1)
            # gRPC's client says this by itself; that the server is done with the request, its counters say.
            eventually(lambda: self.failures() == failed + 3 and self.waiting() == 0,
                       lambda: f"{self.failures() - failed} ended, {self.waiting()} wait")
            self.assertEqual(answers, [], "the long work was over first")
        finally:
            work.join()
        for answer in (by_header, by_parameter):
            self.assertEqual((answer.status, answer.json()), (503, {"error": "Request timeout expired"}))
        self.assertEqual((by_parameter_over_grpc.status(), by_parameter_over_grpc.message()),
                         (str(grpc.StatusCode.UNAVAILABLE), "Request timeout expired"))
        self.assertEqual(by_deadline.status(), str(grpc.StatusCode.DEADLINE_EXCEEDED), by_deadline.message())
        self.assertEqual(answers[0].status, 200, answers[0].body)


if __name__ == "__main__":
    unittest.main()
