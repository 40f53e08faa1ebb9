# SPDX-License-Identifier: Apache-2.0
"""The bad-input table: what arrives broken, hostile or merely odd, row by row, on the real program.

bad_input_rig.py tells what each row is held to; the rows are in bad_input_http.py (framing, limits, doors),
bad_input_tensors.py (JSON, binary tensors, shared memory), bad_input_grpc.py and bad_input_models.py.
"""

import time
import unittest

import bad_input_grpc  # noqa: F401  (each fills the table)
import bad_input_http  # noqa: F401
import bad_input_models  # noqa: F401
import bad_input_tensors  # noqa: F401
from bad_input_rig import BODY_LIMIT, ROWS, Canary, Guarantees, Rig, Wire
from neso_server import ROOT, Server, TemporaryRepository, some_encoder

ONNX = ROOT / "tests/data/onnx"
MODEL = "minilm"
GOOD = ('{"inputs":[{"name":"text","datatype":"BYTES","shape":[1,1],"data":["where is the retry logic?"]}],'
        '"outputs":[{"name":"embeddings","parameters":{"binary_data":true}}]}')


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.repository = TemporaryRepository()
        cls.repository.add_folder(MODEL, some_encoder())
        cls.repository.add("simple", files=[("model.onnx", ONNX / "simple.onnx")])
        for kind in ("int64", "uint8", "fp32", "bytes"):
            cls.repository.add(f"identity_{kind}", files=[("model.onnx", ONNX / f"identity_{kind}.onnx")])
        cls.server = Server(cls.repository.path, "--http-address=127.0.0.1", f"--http-max-input-size={BODY_LIMIT}",
                            "--http-thread-count=2", "--model-control-mode=explicit", "--load-model=*")
        for wire in [Wire(cls.server.http_port) for _ in range(8)]:  # each I/O thread opens what it needs with its first
            wire.ends()
            wire.socket.close()
        cls.canary = Canary(cls.server.http_port, f"/v2/models/{MODEL}/infer", GOOD)
        cls.canary.start()
        while not cls.canary.answered:
            time.sleep(0.01)

    @classmethod
    def tearDownClass(cls):
        cls.canary.stop()
        status = cls.server.stop()
        cls.repository.__exit__()
        assert status == 0, cls.server.log_text()

    def check(self, name):
        with Guarantees(Rig(self, self.server, self.canary, self.repository.path)) as rig:
            ROWS[name](rig)


for name, function in sorted(ROWS.items()):
    def method(self, name=name):
        self.check(name)
    method.__doc__ = f"{name}: {function.what}"
    setattr(BadInput, f"test_{name}", method)

if __name__ == "__main__":
    unittest.main()
