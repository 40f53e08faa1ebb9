#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tiny ONNX models of tests/data/onnx (needs numpy and onnx).

Each model shows one trait that the ONNX engine must handle; the weights come from a fixed seed, so running this
again writes the same bytes. Usage: tools/make_onnx_models.py [folder]
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
VOCABULARY, POSITIONS, HIDDEN = 32, 32, 8

DTYPES = {
    "BOOL": TensorProto.BOOL, "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32, "UINT64": TensorProto.UINT64, "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16, "INT32": TensorProto.INT32, "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16, "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16, "BYTES": TensorProto.STRING,
}


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def constant(name, array):
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def model(nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def identity(dtype):
    """One model per element type: OUTPUT0 = INPUT0."""
    return model([node("Identity", "INPUT0", "OUTPUT0")],
                 [value("INPUT0", dtype, ["batch", "n"])], [value("OUTPUT0", dtype, ["batch", "n"])])


def simple():
    """Sum and difference of two int32 rows of 16."""
    shape = ["batch", 16]
    return model(
        [node("Add", "INPUT0 INPUT1", "OUTPUT0"), node("Sub", "INPUT0 INPUT1", "OUTPUT1")],
        [value("INPUT0", TensorProto.INT32, shape), value("INPUT1", TensorProto.INT32, shape)],
        [value("OUTPUT0", TensorProto.INT32, shape), value("OUTPUT1", TensorProto.INT32, shape)])


def double():
    """No batch dimension: Y = X + X."""
    return model([node("Add", "X X", "Y")],
                 [value("X", TensorProto.FLOAT, [3])], [value("Y", TensorProto.FLOAT, [3])])


def scalar():
    """A scalar in, two scalars out."""
    return model([node("ReduceSum", "X", "SUM", keepdims=0), node("Mul", "SUM FACTOR", "SCALED")],
                 [value("X", TensorProto.FLOAT, ["n"]), value("FACTOR", TensorProto.FLOAT, [])],
                 [value("SUM", TensorProto.FLOAT, []), value("SCALED", TensorProto.FLOAT, [])])


def passthrough():
    """An output that is an input, with no node between them."""
    return model([node("Neg", "X", "Y")], [value("X", TensorProto.FLOAT, ["n"])],
                 [value("X", TensorProto.FLOAT, ["n"]), value("Y", TensorProto.FLOAT, ["n"])])


def fails_at_run():
    """Gather outside its table and Reshape to a size that does not fit: errors of the run, not of the load."""
    return model(
        [node("Gather", "table INDEX", "PICKED"), node("Reshape", "X TARGET", "SHAPED")],
        [value("INDEX", TensorProto.INT64, ["n"]), value("X", TensorProto.FLOAT, ["m"]),
         value("TARGET", TensorProto.INT64, [2])],
        [value("PICKED", TensorProto.FLOAT, ["n"]), value("SHAPED", TensorProto.FLOAT, ["a", "b"])],
        [constant("table", np.arange(4, dtype=np.float32))])


def sequence_output():
    """An output that is a sequence of tensors, which no protocol of ours can carry."""
    sequence = helper.make_tensor_sequence_value_info("Y", TensorProto.FLOAT, None)
    return model([node("SequenceConstruct", "X", "Y")], [value("X", TensorProto.FLOAT, ["n"])], [sequence])


def short_weight():
    """A weight whose bytes are fewer than its sizes say."""
    weight = constant("weight", np.arange(4, dtype=np.float32))
    weight.dims[0] = 1 << 40
    return model([node("Add", "X weight", "Y")],
                 [value("X", TensorProto.FLOAT, ["n"])], [value("Y", TensorProto.FLOAT, ["n"])], [weight])


def custom_operator():
    """An operator that only a library of somebody else's could run."""
    proto = model([node("Shell", "X", "Y", domain="custom")],
                  [value("X", TensorProto.FLOAT, ["n"])], [value("Y", TensorProto.FLOAT, ["n"])])
    proto.opset_import.append(helper.make_opsetid("custom", 1))
    return proto


def external(location):
    """A weight of four floats in another file."""
    weight = constant("weight", np.arange(4, dtype=np.float32))
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, text in {"location": location, "offset": "0", "length": "16"}.items():
        weight.external_data.add(key=key, value=text)
    return model([node("Add", "X weight", "Y")],
                 [value("X", TensorProto.FLOAT, [4])], [value("Y", TensorProto.FLOAT, [4])], [weight])


def external_in_branch(location):
    """The same, hidden in an attribute of a branch of an If."""
    weight = external(location).graph.initializer[0]
    def branch(name):
        return helper.make_graph([helper.make_node("Constant", [], [name], value=weight)], name, [],
                                 [value(name, TensorProto.FLOAT, [4])])
    return model([helper.make_node("If", ["C"], ["Y"], then_branch=branch("t"), else_branch=branch("e"))],
                 [value("C", TensorProto.BOOL, [])], [value("Y", TensorProto.FLOAT, [4])])


class Encoder:
    """A one-layer encoder whose tokens see each other, so that a wrong mask or position changes every number."""

    def __init__(self, inputs=("input_ids", "attention_mask", "token_type_ids"), ids=TensorProto.INT64,
                 shape=("batch_size", "sequence_length"), states=TensorProto.FLOAT, output="last_hidden_state"):
        self.inputs, self.ids, self.shape = inputs, ids, list(shape)
        self.states, self.output = states, output
        self.nodes, self.initializers = [], []

    def add(self, op, inputs, outputs, **attributes):
        self.nodes.append(node(op, inputs, outputs, **attributes))

    def weight(self, name, *shape):
        self.initializers.append(constant(name, self.random.standard_normal(shape).astype(np.float32)))

    def constant(self, name, array):
        self.initializers.append(constant(name, array))

    def embeddings(self):
        self.weight("word", VOCABULARY, HIDDEN)
        self.weight("position", POSITIONS, HIDDEN)
        self.add("Gather", "word input_ids", "x")
        if "token_type_ids" in self.inputs:
            self.weight("type", 2, HIDDEN)
            self.add("Gather", "type token_type_ids", "t")
            self.add("Add", "x t", "x_type")
        else:
            self.add("Identity", "x", "x_type")
        if "position_ids" in self.inputs:
            self.add("Gather", "position position_ids", "p")
        else:
            self.constant("zero", np.array([0], dtype=np.int64))
            self.constant("one", np.array([1], dtype=np.int64))
            self.add("Shape", "input_ids", "shape")
            self.add("Gather", "shape one", "length")
            self.add("Slice", "position zero length zero", "p")
        self.add("Add", "x_type p", "embedded")

    def attention(self):
        self.weight("query", HIDDEN, HIDDEN)
        self.add("MatMul", "embedded query", "q")
        self.add("Transpose", "embedded", "keys", perm=[0, 2, 1])
        self.add("MatMul", "q keys", "scores")
        if "attention_mask" in self.inputs:
            self.constant("axis", np.array([1], dtype=np.int64))
            self.constant("one_f", np.array(1, dtype=np.float32))
            self.constant("lowest", np.array(np.finfo(np.float32).min))
            self.add("Cast", "attention_mask", "mask_f", to=TensorProto.FLOAT)
            self.add("Sub", "one_f mask_f", "hidden_f")
            self.add("Mul", "hidden_f lowest", "bias_2d")
            self.add("Unsqueeze", "bias_2d axis", "bias")
            self.add("Add", "scores bias", "masked")
        else:
            self.add("Identity", "scores", "masked")
        self.add("Softmax", "masked", "weights", axis=-1)
        self.add("MatMul", "weights embedded", "context")
        self.add("Add", "embedded context", "sum")
        self.add("Tanh", "sum", "states")

    def pooled(self):
        self.constant("axis_last", np.array([2], dtype=np.int64))
        self.add("Unsqueeze", "mask_f axis_last", "mask_3d")
        self.add("Mul", "states mask_3d", "kept")
        self.add("ReduceSum", "kept axis", "total", keepdims=0)
        self.add("ReduceSum", "mask_3d axis", "count", keepdims=0)
        self.add("Div", "total count", self.output)

    def build(self):
        self.random = np.random.default_rng(7)
        self.embeddings()
        self.attention()
        if self.output == "sentence_embedding":
            self.pooled()
            out_shape = [self.shape[0], HIDDEN]
        else:
            self.add("Cast", "states", self.output, to=self.states)
            out_shape = [*self.shape, HIDDEN]
        return model(self.nodes, [value(name, self.ids, self.shape) for name in self.inputs],
                     [value(self.output, self.states, out_shape)], self.initializers)


def models():
    for name, dtype in DTYPES.items():
        yield f"identity_{name.lower()}", identity(dtype)
    yield "simple", simple()
    yield "double", double()
    yield "scalar", scalar()
    yield "passthrough", passthrough()
    yield "fails_at_run", fails_at_run()
    yield "sequence_output", sequence_output()
    yield "short_weight", short_weight()
    yield "custom_operator", custom_operator()
    for name, location in {"good": "external.bin", "missing": "absent.bin", "parent": "../external.bin",
                           "inner_parent": "sub/../external.bin", "absolute": "/etc/passwd",
                           "memory_address": "*/_ORT_MEM_ADDR_/*"}.items():
        yield f"external_{name}", external(location)
    yield "external_in_branch", external_in_branch("../external.bin")
    yield "encoder", Encoder().build()
    yield "encoder_ids_only", Encoder(inputs=("input_ids",)).build()
    yield "encoder_int32", Encoder(ids=TensorProto.INT32).build()
    yield "encoder_positions", Encoder(inputs=("input_ids", "attention_mask", "position_ids")).build()
    yield "encoder_fp16", Encoder(states=TensorProto.FLOAT16).build()
    yield "encoder_bf16", Encoder(states=TensorProto.BFLOAT16).build()
    yield "encoder_pooled", Encoder(output="sentence_embedding").build()
    yield "encoder_batch1", Encoder(shape=(1, "sequence_length")).build()
    yield "encoder_fixed", Encoder(shape=(3, 6)).build()
    yield "encoder_fixed_ids_only", Encoder(inputs=("input_ids",), shape=(1, 6)).build()


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "onnx"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    for name, proto in models():
        if not name.startswith(("external_", "short_", "custom_")):  # what the checker refuses, or cannot open
            onnx.checker.check_model(proto, full_check=True)
        (folder / f"{name}.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    (folder / "external.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())


if __name__ == "__main__":
    main()
