#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a Hugging Face BERT folder (config.json, model.safetensors) as model.onnx. Needs numpy and onnx.

The graph has the form that optimum and torch.onnx give it, names included: opset 17, transposed weights called
onnx::MatMul_<n>, GELU as an Erf subgraph, the attention mask as an additive bias. It serves as a test model where the
exporters (and torch) are not at hand. Example:

    tools/bert_to_onnx.py models/all-minilm-l6-v2/1 model.onnx --inputs ids,mask,types
"""

import argparse
import json
import math
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
INPUT_NAMES = {"ids": "input_ids", "mask": "attention_mask", "types": "token_type_ids"}
SAFETENSORS_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4"}


def read_safetensors(path):
    """Name -> array, with bfloat16 widened to float32."""
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    header_bytes = int(raw[:8].view("<u8")[0])
    header = json.loads(raw[8:8 + header_bytes].tobytes())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + header_bytes + offset for offset in entry["data_offsets"])
        array = np.frombuffer(raw[begin:end].tobytes(), SAFETENSORS_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        tensors[name.removeprefix("bert.")] = array
    return tensors


class Graph:
    """Collects nodes and initializers. Values are named as torch.onnx does: <node>_output_0."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.nodes, self.initializers, self.names = [], [], set()
        self.next_matmul = 1000

    def add(self, scope, op, inputs, **attributes):
        name, n = f"{scope}/{op}", 0
        while name in self.names:
            n += 1
            name = f"{scope}/{op}_{n}"
        self.names.add(name)
        output = f"{name}_output_0"
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def initializer(self, name, array):
        if name not in self.names:
            self.names.add(name)
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name, array):
        return self.initializer(name, array.astype(self.dtype))

    def matmul_weight(self, array):
        """A Linear's weight as a MatMul takes it: transposed, under a number."""
        self.next_matmul += 1
        return self.weight(f"onnx::MatMul_{self.next_matmul}", array.T)

    def constant(self, scope, value, dtype=None):
        array = np.array(value, dtype=dtype or self.dtype)
        return self.add(scope, "Constant", [], value=numpy_helper.from_array(array))

    def ints(self, scope, values):
        return self.constant(scope, values, np.int64)


class BertExporter:
    def __init__(self, config, tensors, options):
        self.config, self.tensors, self.options = config, tensors, options
        self.inputs = [INPUT_NAMES[key] for key in INPUT_NAMES if key in options.inputs]
        self.dtype = np.float16 if options.dtype == "fp16" else np.float32
        self.onnx_dtype = TensorProto.FLOAT16 if options.dtype == "fp16" else TensorProto.FLOAT
        self.graph = Graph(self.dtype)

    def parameter(self, name):
        return self.graph.weight(name, self.tensors[name])

    def linear(self, scope, name, x):
        product = self.graph.add(scope, "MatMul", [x, self.graph.matmul_weight(self.tensors[f"{name}.weight"])])
        return self.graph.add(scope, "Add", [self.parameter(f"{name}.bias"), product])

    def layer_norm(self, scope, name, x):
        weight, bias = self.parameter(f"{name}.weight"), self.parameter(f"{name}.bias")
        eps = self.config.get("layer_norm_eps", 1e-12)
        if self.options.layer_norm == "op":
            return self.graph.add(scope, "LayerNormalization", [x, weight, bias], axis=-1, epsilon=eps)
        add = self.graph.add
        centred = add(scope, "Sub", [x, add(scope, "ReduceMean", [x], axes=[-1])])
        square = add(scope, "Pow", [centred, self.graph.constant(scope, 2.0)])
        variance = add(scope, "ReduceMean", [square], axes=[-1])
        # In half precision 1e-12 is 0; the smallest normal number keeps the division defined.
        eps = max(eps, float(np.finfo(self.dtype).tiny))
        deviation = add(scope, "Sqrt", [add(scope, "Add", [variance, self.graph.constant(scope, eps)])])
        scaled = add(scope, "Mul", [add(scope, "Div", [centred, deviation]), weight])
        return add(scope, "Add", [scaled, bias])

    def activation(self, scope, x):
        add, constant = self.graph.add, self.graph.constant
        kind = self.config.get("hidden_act", "gelu")
        if kind == "relu":
            return add(scope, "Relu", [x])
        if kind == "gelu":
            erf = add(scope, "Erf", [add(scope, "Div", [x, constant(scope, math.sqrt(2.0))])])
            product = add(scope, "Mul", [x, add(scope, "Add", [erf, constant(scope, 1.0)])])
            return add(scope, "Mul", [product, constant(scope, 0.5)])
        if kind in ("gelu_new", "gelu_pytorch_tanh"):
            cube = add(scope, "Mul", [add(scope, "Pow", [x, constant(scope, 3.0)]), constant(scope, 0.044715)])
            inner = add(scope, "Mul", [add(scope, "Add", [x, cube]), constant(scope, math.sqrt(2.0 / math.pi))])
            tanh = add(scope, "Add", [add(scope, "Tanh", [inner]), constant(scope, 1.0)])
            return add(scope, "Mul", [add(scope, "Mul", [x, constant(scope, 0.5)]), tanh])
        raise SystemExit(f"hidden_act '{kind}' is not known; gelu, gelu_new, gelu_pytorch_tanh and relu are")

    def size_of(self, scope, x, axis):
        """One size of x, as a tensor [1]."""
        size = self.graph.add(scope, "Gather", [self.graph.add(scope, "Shape", [x]),
                                                self.graph.ints(scope, axis)], axis=0)
        return self.graph.add(scope, "Unsqueeze", [size, self.graph.ints(scope, [0])])

    def embeddings(self):
        add, scope = self.graph.add, "/embeddings"
        word = add(f"{scope}/word_embeddings", "Gather",
                   [self.parameter("embeddings.word_embeddings.weight"), "input_ids"])
        types = "token_type_ids"
        if types not in self.inputs:
            zero = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
            types = add(scope, "ConstantOfShape", [add(scope, "Shape", ["input_ids"])], value=zero)
        token_type = add(f"{scope}/token_type_embeddings", "Gather",
                         [self.parameter("embeddings.token_type_embeddings.weight"), types])
        x = add(scope, "Add", [word, token_type])
        table = self.parameter("embeddings.position_embeddings.weight")
        positions = self.tensors["embeddings.position_embeddings.weight"].shape[0]
        buffer = self.graph.initializer("embeddings.position_ids", np.arange(positions, dtype=np.int64)[None])
        ids = add(scope, "Slice", [buffer, self.graph.ints(scope, [0]), self.size_of(scope, "input_ids", 1),
                                   self.graph.ints(scope, [1])])
        x = add(scope, "Add", [x, add(f"{scope}/position_embeddings", "Gather", [table, ids])])
        return self.layer_norm(f"{scope}/LayerNorm", "embeddings.LayerNorm", x)

    def mask_bias(self):
        """[batch, 1, 1, tokens]: 0 where a token counts, the lowest float elsewhere; None without a mask."""
        if "attention_mask" not in self.inputs:
            return None
        add, scope = self.graph.add, ""
        mask = add(scope, "Unsqueeze", ["attention_mask", self.graph.ints(scope, [1])])
        mask = add(scope, "Unsqueeze", [mask, self.graph.ints(scope, [2])])
        mask = add(scope, "Cast", [mask], to=self.onnx_dtype)
        hidden = add(scope, "Sub", [self.graph.constant(scope, 1.0), mask])
        return add(scope, "Mul", [hidden, self.graph.constant(scope, np.finfo(self.dtype).min)])

    def attention(self, scope, name, x, bias):
        add, ints = self.graph.add, self.graph.ints
        heads = self.config["num_attention_heads"]
        width = self.config["hidden_size"] // heads
        batch, tokens = self.size_of(scope, x, 0), self.size_of(scope, x, 1)
        split = add(scope, "Concat", [batch, tokens, ints(scope, [heads]), ints(scope, [width])], axis=0)
        joined = add(scope, "Concat", [batch, tokens, ints(scope, [heads * width])], axis=0)

        def project(part, perm):
            y = self.linear(f"{scope}/{part}", f"{name}.{part}", x)
            return add(scope, "Transpose", [add(scope, "Reshape", [y, split])], perm=perm)

        query, key = project("query", [0, 2, 1, 3]), project("key", [0, 2, 3, 1])
        scores = add(scope, "MatMul", [query, key])
        scores = add(scope, "Div", [scores, self.graph.constant(scope, math.sqrt(width))])
        if bias is not None:
            scores = add(scope, "Add", [scores, bias])
        weights = add(scope, "Softmax", [scores], axis=-1)
        context = add(scope, "MatMul", [weights, project("value", [0, 2, 1, 3])])
        return add(scope, "Reshape", [add(scope, "Transpose", [context], perm=[0, 2, 1, 3]), joined])

    def layer(self, index, x, bias):
        scope, name, add = f"/encoder/layer.{index}", f"encoder.layer.{index}", self.graph.add
        context = self.attention(f"{scope}/attention/self", f"{name}.attention.self", x, bias)
        y = self.linear(f"{scope}/attention/output/dense", f"{name}.attention.output.dense", context)
        y = add(f"{scope}/attention/output", "Add", [y, x])
        x = self.layer_norm(f"{scope}/attention/output/LayerNorm", f"{name}.attention.output.LayerNorm", y)
        y = self.linear(f"{scope}/intermediate/dense", f"{name}.intermediate.dense", x)
        y = self.activation(f"{scope}/intermediate/intermediate_act_fn", y)
        y = self.linear(f"{scope}/output/dense", f"{name}.output.dense", y)
        y = add(f"{scope}/output", "Add", [y, x])
        return self.layer_norm(f"{scope}/output/LayerNorm", f"{name}.output.LayerNorm", y)

    def pooled(self, states):
        """Mean over the unmasked tokens, then L2."""
        add, ints, constant, scope = self.graph.add, self.graph.ints, self.graph.constant, "/pooling"
        if "attention_mask" in self.inputs:
            mask = add(scope, "Unsqueeze", ["attention_mask", ints(scope, [2])])
            mask = add(scope, "Cast", [mask], to=self.onnx_dtype)
            total = add(scope, "ReduceSum", [add(scope, "Mul", [states, mask]), ints(scope, [1])], keepdims=0)
            count = add(scope, "ReduceSum", [mask, ints(scope, [1])], keepdims=0)
            mean = add(scope, "Div", [total, add(scope, "Clip", [count, constant(scope, 1e-7)])])
        else:
            mean = add(scope, "ReduceMean", [states], axes=[1], keepdims=0)
        norm = add("/normalize", "ReduceL2", [mean], axes=[-1], keepdims=1)
        return add("/normalize", "Div", [mean, add("/normalize", "Clip", [norm, constant("/normalize", 1e-7)])])

    def build(self):
        x, bias = self.embeddings(), self.mask_bias()
        for index in range(self.config["num_hidden_layers"]):
            x = self.layer(index, x, bias)
        shape = ["batch_size", self.options.fixed_seq or "sequence_length"]
        name, out_shape = "last_hidden_state", [*shape, self.config["hidden_size"]]
        if self.options.output == "pooled":
            x, name, out_shape = self.pooled(x), "sentence_embedding", [shape[0], self.config["hidden_size"]]
        self.graph.nodes[-1].output[0] = name  # the last node is the one that made x
        graph = helper.make_graph(
            self.graph.nodes, "main_graph",
            [helper.make_tensor_value_info(key, TensorProto.INT64, shape) for key in self.inputs],
            [helper.make_tensor_value_info(name, self.onnx_dtype, out_shape)], self.graph.initializers)
        return helper.make_model(graph, producer_name="pytorch", ir_version=IR_VERSION,
                                 opset_imports=[helper.make_opsetid("", OPSET)])


def input_list(text):
    keys = text.split(",")
    if "ids" not in keys or not set(keys) <= set(INPUT_NAMES):
        raise argparse.ArgumentTypeError("a list of ids, mask and types, with ids in it")
    return keys


def read_config(folder):
    config = json.loads((folder / "config.json").read_text())
    if config.get("model_type") != "bert":
        raise SystemExit(f"model_type is '{config.get('model_type')}'; only 'bert' can be written")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise SystemExit("only absolute position embeddings can be written")
    return config


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="with config.json and model.safetensors")
    parser.add_argument("model", type=pathlib.Path, help="the file to write")
    parser.add_argument("--inputs", type=input_list, default=["ids", "mask", "types"], help="default: ids,mask,types")
    parser.add_argument("--output", choices=["states", "pooled"], default="states",
                        help="last_hidden_state, or the mean-pooled and normalised sentence_embedding")
    parser.add_argument("--fixed-seq", type=int, help="tokens per text, instead of any number")
    parser.add_argument("--dtype", choices=["fp32", "fp16"], default="fp32")
    parser.add_argument("--layer-norm", choices=["op", "decomposed"], default="op")
    options = parser.parse_args()
    config = read_config(options.folder)
    model = BertExporter(config, read_safetensors(options.folder / "model.safetensors"), options).build()
    onnx.save(model, options.model)


if __name__ == "__main__":
    main()
