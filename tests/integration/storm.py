# SPDX-License-Identifier: Apache-2.0
"""What the clients of a storm share: the server, the right answers, what they counted and what went wrong."""

import collections
import contextlib
import itertools
import random
import shutil
import threading
import time
import traceback

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from storm_actors import SWITCHED

_MOST_MISTAKES = 20


def times(factor):
    """OUTPUT0 = INPUT0 * factor."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["INPUT0", "factor"], ["OUTPUT0"])], "times",
        [helper.make_tensor_value_info("INPUT0", TensorProto.FLOAT, ["batch", "n"])],
        [helper.make_tensor_value_info("OUTPUT0", TensorProto.FLOAT, ["batch", "n"])],
        [numpy_helper.from_array(np.float32(factor), "factor")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Storm:
    """What the actors share."""

    def __init__(self, server, repository, seed):
        self.server, self.repository, self.seed = server, repository, seed
        self.mistakes = []
        self.vectors = {}  # by text
        self.counted = collections.Counter()
        self.version = 1
        self.stood_still_s = 0  # longest time in which this process did nothing: then time-outs are not the server's fault
        self._counting = threading.Lock()
        self._numbers = itertools.count(1)
        self._over = threading.Event()

    def count(self, model, what):
        with self._counting:
            self.counted[model, what] += 1

    def number(self):
        return next(self._numbers)

    def values(self, random, width=None):
        """Values that no other request has."""
        shape = (1, width) if width else (random.randint(1, 4), random.choice((1, 3, 16, 200)))
        values = (np.frombuffer(random.randbytes(4 * shape[0] * shape[1]), "<u4") >> 8).astype("<f4").reshape(shape)
        values[0][0] = self.number()
        return values

    def verdict(self):
        """What went wrong; empty when nothing did."""
        if not self.mistakes:
            return ""
        return "\n".join([*self.mistakes, f"(this process once stood still for {self.stood_still_s:.1f} s)"])

    def mistake(self, what):
        self.mistakes.append(what)
        if len(self.mistakes) >= _MOST_MISTAKES:
            self._over.set()

    def turns(self):
        while not self._over.is_set():
            yield

    def pause(self, seconds):
        self._over.wait(seconds)

    def switch(self):
        """The next version's folder comes, and the one before goes."""
        before, self.version = self.version, self.version % 7 + 1
        self.repository.add(SWITCHED, version=self.version, files=[("model.onnx", times(self.version))])
        shutil.rmtree(self.repository.path / SWITCHED / str(before))

    @contextlib.contextmanager
    def blowing(self, actors, name):
        """All actors at once, until the end of the block."""
        def act(function, number):
            try:
                function(self, random.Random(f"{self.seed} {name} {number}"))
            except Exception:
                self.mistake(f"{function.__name__}: {traceback.format_exc()}")

        def beat():
            last = time.monotonic()
            while not self._over.wait(0.1):
                self.stood_still_s = max(self.stood_still_s, time.monotonic() - last)
                last = time.monotonic()

        self._over.clear()
        threads = [threading.Thread(target=beat)]
        threads += [threading.Thread(target=act, args=(function, number)) for number, function in enumerate(actors)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
