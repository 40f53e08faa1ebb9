# SPDX-License-Identifier: Apache-2.0
"""The model.py of every conformance model on a real Triton: it runs the version folder's model.onnx with ONNX's reference
evaluator, so that both servers have the same graphs. Triton's Python backend has no implicit state: it is kept here."""

import json
import pathlib

import numpy as np
import triton_python_backend_utils as triton
from onnx.reference import ReferenceEvaluator


def decoded(tensor):
    return np.array([text.decode(errors="surrogateescape") for text in tensor.ravel()], dtype=object).reshape(tensor.shape)


def encoded(tensor):
    return np.array([str(text).encode(errors="surrogateescape") for text in tensor.ravel()], dtype=object).reshape(tensor.shape)


class TritonPythonModel:
    def initialize(self, arguments):
        folder = pathlib.Path(arguments["model_repository"], arguments["model_version"])
        self.graph = ReferenceEvaluator(str(folder / "model.onnx"))
        config = json.loads(arguments["model_config"])
        self.outputs = [output["name"] for output in config["output"]]
        self.inputs = [value.name for value in self.graph.proto_.graph.input]
        self.states = config.get("sequence_batching", {}).get("state", [])
        self.kept = {}  # correlation id -> values of the states

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        given = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        feeds = {name: decoded(value) if value.dtype == object else value for name, value in given.items()}
        for i, state in enumerate(self.states):
            zero = np.zeros((1, *state["dims"]), dtype=triton.triton_string_to_numpy(state["data_type"]))
            starts = request.flags() & triton.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START
            feeds[state["input_name"]] = zero if starts else self.kept[request.correlation_id()][i]
        names = self.outputs + [state["output_name"] for state in self.states]
        values = self.graph.run(names, {name: feeds[name] for name in self.inputs})
        if self.states:
            self.kept[request.correlation_id()] = values[len(self.outputs):]
        return triton.InferenceResponse([
            triton.Tensor(name, encoded(value) if value.dtype.kind in "OUS" else value) for name, value in zip(self.outputs, values)])
