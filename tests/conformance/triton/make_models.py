#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a Triton model repository of small ONNX graphs: what the recorded answers of a real Triton were made with.

Names, tensors and settings are those of the recordings, where the models were Python files; each graph computes the same.

    make_models.py build/conformance/models             for neso
    make_models.py build/conformance/models --python    for a real Triton, whose Python backend runs the same graphs
"""

import pathlib
import shutil
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

OPSET = 17
IR_VERSION = 8
# config.pbtxt's word -> ONNX's element type.
TYPES = {
    "BOOL": TensorProto.BOOL, "INT8": TensorProto.INT8, "INT16": TensorProto.INT16, "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64, "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16, "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64, "FP16": TensorProto.FLOAT16, "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE,
    "STRING": TensorProto.STRING,
}


class Tensor:
    """A tensor of a config: `dims` as the config has them, `shape` as the graph does."""

    def __init__(self, name, kind, dims, settings="", reshape=None):
        self.name, self.kind, self.dims = name, kind, dims
        self.settings = settings
        self.reshape = reshape

    def config(self):
        reshape = f"reshape: {{ shape: {self.reshape} }} " if self.reshape else ""
        return f'{{ name: "{self.name}" data_type: TYPE_{self.kind} dims: {self.dims} {reshape}{self.settings}}}'

    def value_info(self, batched):
        sizes = [f"{self.name}_{i}" if size == -1 else size for i, size in enumerate(self.reshape or self.dims)]
        return helper.make_tensor_value_info(self.name, TYPES[self.kind], (["batch"] if batched else []) + sizes)


class Model:
    def __init__(self, root, name, inputs, outputs, batch=8):
        self.folder = root / name
        self.name, self.inputs, self.outputs, self.batch = name, inputs, outputs, batch
        self.graph_inputs = list(inputs)  # controls and states stand only in the graph
        self.graph_outputs = list(outputs)

    def write_config(self, settings=""):
        tensors = lambda side: ", ".join(tensor.config() for tensor in side)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.pbtxt").write_text(
            f'name: "{self.name}"\nbackend: "onnxruntime"\nmax_batch_size: {self.batch}\n'
            f"input [ {tensors(self.inputs)} ]\noutput [ {tensors(self.outputs)} ]\n"
            f"instance_group [ {{ count: 1 kind: KIND_CPU }} ]\n{settings}\n")

    def write_graph(self, nodes, constants=None, version=1):
        initializers = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
        infos = lambda side: [tensor.value_info(self.batch > 0) for tensor in side]
        graph = helper.make_graph(nodes, self.name, infos(self.graph_inputs), infos(self.graph_outputs), initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        folder = self.folder / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        save(model, folder / "model.onnx")


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def identity(root, name, kind, settings=""):
    model = Model(root, name, [Tensor("INPUT0", kind, [-1])], [Tensor("OUTPUT0", kind, [-1])])
    model.write_config(settings)
    model.write_graph([node("Identity", "INPUT0", "OUTPUT0")])


def unary(root, name, operator, settings="", output="Y", output_settings=""):
    """Y = operator(X), or X itself; dims [2], or [4] for the one with labels."""
    dims = [4] if output_settings else [2]
    model = Model(root, name, [Tensor("X", "FP32", dims)], [Tensor(output, "FP32", dims, output_settings)], batch=4)
    model.write_config(settings)
    model.write_graph([node(operator, "X", output)])


def sum_and_difference(root, name, kind):
    """OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1, computed in INT32."""
    pair = lambda prefix: [Tensor(f"{prefix}{i}", kind, [16]) for i in range(2)]
    model = Model(root, name, pair("INPUT"), pair("OUTPUT"))
    model.write_config()
    if kind == "INT32":
        nodes = [node("Add", "INPUT0 INPUT1", "OUTPUT0"), node("Sub", "INPUT0 INPUT1", "OUTPUT1")]
    else:
        nodes = [node("Cast", "INPUT0", "a", to=TensorProto.INT32), node("Cast", "INPUT1", "b", to=TensorProto.INT32),
                 node("Add", "a b", "sum"), node("Sub", "a b", "difference"),
                 node("Cast", "sum", "OUTPUT0", to=TYPES[kind]), node("Cast", "difference", "OUTPUT1", to=TYPES[kind])]
    model.write_graph(nodes)


def embed_stub(root):
    """embeddings = sum(input_ids x attention_mask) x (1 .. 8) / 1000, in double."""
    model = Model(root, "embed_stub", [Tensor("input_ids", "INT64", [-1]), Tensor("attention_mask", "INT64", [-1])],
                  [Tensor("embeddings", "FP32", [8])], batch=128)
    model.write_config("dynamic_batching { preferred_batch_size: [ 32, 64, 128 ] max_queue_delay_microseconds: 5000 }")
    model.write_graph(
        [node("Mul", "input_ids attention_mask", "masked"), node("ReduceSum", "masked axes", "sum", keepdims=1),
         node("Cast", "sum", "total", to=TensorProto.DOUBLE), node("Mul", "total factors", "scaled"),
         node("Div", "scaled thousand", "quotient"), node("Cast", "quotient", "embeddings", to=TensorProto.FLOAT)],
        {"axes": np.array([1]), "factors": np.arange(1.0, 9.0), "thousand": np.array(1000.0)})


def constants_and_shapes(root):
    for name, dims, batch, operator, constant in (("no_batch", [-1, 2], 0, "Mul", 2), ("fixed", [2, 3], 4, "Add", 1)):
        model = Model(root, name, [Tensor("X", "FP32", dims)], [Tensor("Y", "FP32", dims)], batch)
        model.write_config()
        model.write_graph([node(operator, "X constant", "Y")], {"constant": np.float32(constant)})
    model = Model(root, "reshaped", [Tensor("X", "FP32", [4], reshape=[2, 2])], [Tensor("Y", "FP32", [4], reshape=[2, 2])], 4)
    model.write_config()
    model.write_graph([node("Transpose", "X", "Y", perm=[0, 2, 1])])


def versioned(root):
    for name, policy in (("versioned", "version_policy: { specific: { versions: [ 1, 3 ] } }"),
                         ("versioned_latest", "version_policy: { latest: { num_versions: 2 } }"),
                         ("versioned_all", "version_policy: { all: { } }"), ("versioned_default", "")):
        model = Model(root, name, [Tensor("X", "FP32", [1])], [Tensor("Y", "FP32", [1])], batch=4)
        model.write_config(policy)
        for version in (1, 2, 3):
            model.write_graph([node("Mul", "X version", "Y")], {"version": np.float32(version)}, version)


def control(name, kind, values):
    return f'{{ name: "{name}" control [ {{ kind: {kind} {values} }} ] }}'


def sequences(root):
    """simple_sequence adds START to its input; accumulate keeps a sum per sequence, as implicit state."""
    io = lambda: ([Tensor("INPUT", "INT32", [1])], [Tensor("OUTPUT", "INT32", [1])])
    start = control("START", "CONTROL_SEQUENCE_START", "int32_false_true: [ 0, 1 ]")
    ready = control("READY", "CONTROL_SEQUENCE_READY", "int32_false_true: [ 0, 1 ]")
    corrid = control("CORRID", "CONTROL_SEQUENCE_CORRID", "data_type: TYPE_UINT64")
    model = Model(root, "simple_sequence", *io())
    model.write_config(f"sequence_batching {{ max_sequence_idle_microseconds: 5000000 control_input [ {start}, {ready} ] }}")
    model.graph_inputs += [Tensor("START", "INT32", [1]), Tensor("READY", "INT32", [1])]
    # READY is asked for, and adds nothing.
    model.write_graph([node("Mul", "READY zero", "nothing"), node("Add", "INPUT START", "sum"),
                       node("Add", "sum nothing", "OUTPUT")], {"zero": np.array([0], np.int32)})

    model = Model(root, "accumulate", *io(), batch=4)
    state = 'state [ { input_name: "SUM_IN" output_name: "SUM_OUT" data_type: TYPE_INT32 dims: [ 1 ] ' \
            'initial_state { data_type: TYPE_INT32 dims: [ 1 ] zero_data: true name: "zero" } } ]'
    model.write_config("sequence_batching { oldest { max_candidate_sequences: 4 } max_sequence_idle_microseconds: 5000000 "
                       f"control_input [ {start}, {corrid} ] {state} }}")
    model.graph_inputs += [Tensor("START", "INT32", [1]), Tensor("CORRID", "UINT64", [1]), Tensor("SUM_IN", "INT32", [1])]
    model.graph_outputs += [Tensor("SUM_OUT", "INT32", [1])]
    model.write_graph([node("Cast", "CORRID", "id", to=TensorProto.INT32), node("Mul", "id zero", "nothing"),
                       node("Sub", "one START", "keep"), node("Mul", "SUM_IN keep", "before"),
                       node("Add", "before INPUT", "sum"), node("Add", "sum nothing", "OUTPUT"),
                       node("Identity", "sum", "SUM_OUT")],
                      {"zero": np.array([0], np.int32), "one": np.array([1], np.int32)})


CHAIN = """name: "chain"
platform: "ensemble"
max_batch_size: 8
input [ { name: "A" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "B" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "SUM" data_type: TYPE_INT32 dims: [ -1 ] }, { name: "DIFF" data_type: TYPE_INT32 dims: [ 16 ] } ]
ensemble_scheduling { step [
  { model_name: "simple" model_version: -1
    input_map { key: "INPUT0" value: "A" } input_map { key: "INPUT1" value: "B" }
    output_map { key: "OUTPUT0" value: "sum" } output_map { key: "OUTPUT1" value: "DIFF" } },
  { model_name: "identity_int32" model_version: -1
    input_map { key: "INPUT0" value: "sum" } output_map { key: "OUTPUT0" value: "SUM" } } ] }
"""


def ensemble(root):
    folder = root / "chain"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / ".keep").touch()
    (folder / "config.pbtxt").write_text(CHAIN)


def write_all(root):
    for kind in TYPES:
        identity(root, f"identity_{kind.lower()}", kind)
    identity(root, "simple_identity", "STRING")
    for name, kind in (("simple", "INT32"), ("simple_int8", "INT8"), ("simple_string", "STRING")):
        sum_and_difference(root, name, kind)
    embed_stub(root)
    constants_and_shapes(root)
    versioned(root)
    sequences(root)
    unary(root, "labelled", "Identity", output="SCORES", output_settings='label_filename: "labels.txt" ')
    (root / "labelled" / "labels.txt").write_text("cat\ndog\nbird\nfish\n")
    unary(root, "ordered", "Identity", "dynamic_batching { preserve_ordering: true max_queue_delay_microseconds: 100 }")
    unary(root, "cached", "Neg", "response_cache { enable: true }")
    unary(root, "with_parameters", "Identity",
          'parameters { key: "flavour" value: { string_value: "plain" } }\n'
          'model_warmup [ { name: "one" batch_size: 1 inputs { key: "X" value: '
          "{ data_type: TYPE_FP32 dims: [ 2 ] zero_data: true } } } ]")
    unary(root, "priorities", "Identity",
          "dynamic_batching { priority_levels: 3 default_priority_level: 2 default_queue_policy { timeout_action: REJECT "
          "default_timeout_microseconds: 10000000 allow_timeout_override: true max_queue_size: 64 } }")
    ensemble(root)


def make_python(root):
    model = pathlib.Path(__file__).with_name("python_model.py")
    for config in root.glob("*/config.pbtxt"):
        config.write_text(config.read_text().replace('backend: "onnxruntime"', 'backend: "python"'))
    for graph in root.glob("*/*/model.onnx"):
        shutil.copy(model, graph.with_name("model.py"))


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--python"]):
        sys.exit("usage: make_models.py FOLDER [--python] (the folder is written anew)")
    root = pathlib.Path(sys.argv[1])
    shutil.rmtree(root, ignore_errors=True)
    write_all(root)
    if "--python" in sys.argv:
        make_python(root)


main()
