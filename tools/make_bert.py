#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a BERT of any size with pseudo-random weights as a sentence-transformers folder (needs numpy).

Tests that need a model of a certain shape, not of a certain meaning, use it: the same command writes the same bytes
everywhere, and src/engine/cpu/test_bert.h computes the same weights in C++ without a file.

A weight is a pure function of seed, tensor name and element index (32-bit arithmetic that wraps):
    mix(x):  x ^= x >> 16; x *= 0x85ebca6b; x ^= x >> 13; x *= 0xc2b2ae35; x ^= x >> 16
    state  = mix(fnv1a(name) + seed)
    unit   = (mix(index * 0x9e3779b9 + state) >> 8) / 2^23 - 1        in [-1, 1), exact
    weight = float32(offset + amplitude * unit)                        in double, then rounded once
offset is 1 for a LayerNorm's weight, else 0. amplitude is 1/4 for a LayerNorm's weight, 1/8 for every bias, 1/2 for an
embedding table, and sqrt(3 / inputs) for a linear layer, which keeps the variance of what passes through it.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import shutil

import numpy as np


@dataclasses.dataclass
class Bert:
    hidden: int = 384
    layers: int = 6
    heads: int = 12
    intermediate: int = 1536
    vocab: int = 30522
    positions: int = 512
    types: int = 2
    activation: str = "gelu"
    epsilon: float = 1e-12
    seed: int = 1


def mix(x):
    """The 32-bit finalizer of MurmurHash3, on a uint32 array."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> np.uint32(13))
    x = x * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def fnv1a(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def weights(name, shape, seed):
    """The tensor `name` as float32."""
    if len(shape) == 1 and name.endswith(".weight"):
        offset, amplitude = 1.0, 0.25
    elif name.endswith(".bias"):
        offset, amplitude = 0.0, 0.125
    elif "embeddings." in name:
        offset, amplitude = 0.0, 0.5
    else:
        offset, amplitude = 0.0, math.sqrt(3.0 / shape[1])
    state = mix(np.array([(fnv1a(name) + seed) & 0xFFFFFFFF], dtype=np.uint32))
    index = np.arange(math.prod(shape), dtype=np.uint32)
    unit = (mix(index * np.uint32(0x9E3779B9) + state) >> np.uint32(8)) / 2.0**23 - 1.0
    return (offset + amplitude * unit).astype("<f4").reshape(shape)


def tensor_shapes(bert):
    """Name -> shape of every tensor, as transformers' BertModel names them."""
    h, inner = bert.hidden, bert.intermediate
    shapes = {
        "embeddings.word_embeddings.weight": (bert.vocab, h),
        "embeddings.position_embeddings.weight": (bert.positions, h),
        "embeddings.token_type_embeddings.weight": (bert.types, h),
        "embeddings.LayerNorm.weight": (h,),
        "embeddings.LayerNorm.bias": (h,),
        "pooler.dense.weight": (h, h),
        "pooler.dense.bias": (h,),
    }
    linears = {
        "attention.self.query": (h, h),
        "attention.self.key": (h, h),
        "attention.self.value": (h, h),
        "attention.output.dense": (h, h),
        "intermediate.dense": (inner, h),
        "output.dense": (h, inner),
    }
    for layer in range(bert.layers):
        prefix = f"encoder.layer.{layer}."
        for name, shape in linears.items():
            shapes[f"{prefix}{name}.weight"] = shape
            shapes[f"{prefix}{name}.bias"] = shape[:1]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{prefix}{name}.weight"] = (h,)
            shapes[f"{prefix}{name}.bias"] = (h,)
    return shapes


def write_safetensors(path, shapes, seed):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name, shape in shapes.items():
            file.write(weights(name, shape, seed).tobytes())


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_folder(folder, bert, pooling="mean", normalize=True):
    """A folder that sentence-transformers opens (but for the tokenizer, which the caller may add)."""
    folder = pathlib.Path(folder)
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": bert.hidden,
        "num_hidden_layers": bert.layers, "num_attention_heads": bert.heads, "intermediate_size": bert.intermediate,
        "vocab_size": bert.vocab, "max_position_embeddings": bert.positions, "type_vocab_size": bert.types,
        "hidden_act": bert.activation, "layer_norm_eps": bert.epsilon, "pad_token_id": 0,
        "position_embedding_type": "absolute", "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    })
    modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "mean_sqrt_len": "mean_sqrt_len_tokens",
             "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}
    write_json(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": bert.hidden,
        **{f"pooling_mode_{suffix}": mode == pooling for mode, suffix in modes.items()},
    })
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    if normalize:
        (folder / "2_Normalize").mkdir(exist_ok=True)
        modules.append(("2_Normalize", "Normalize"))
    write_json(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ])
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": bert.positions, "do_lower_case": False})
    write_safetensors(folder / "model.safetensors", tensor_shapes(bert), bert.seed)


def add_size_options(parser, kind):
    """An option for each field of the dataclass `kind`."""
    for field in dataclasses.fields(kind):
        parser.add_argument(f"--{field.name}", type=field.type, default=field.default)


def sizes_from(args, kind):
    return kind(**{field.name: getattr(args, field.name) for field in dataclasses.fields(kind)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_size_options(parser, Bert)
    parser.add_argument("--pooling", default="mean",
                        choices=["cls", "mean", "max", "mean_sqrt_len", "weightedmean", "lasttoken"])
    parser.add_argument("--no-normalize", action="store_true")
    parser.add_argument("--tokenizer", type=pathlib.Path, help="a tokenizer.json to copy into the folder")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    bert = sizes_from(args, Bert)
    if bert.hidden % bert.heads != 0:
        parser.error(f"--hidden {bert.hidden} is not a multiple of --heads {bert.heads}")
    write_folder(args.out, bert, args.pooling, not args.no_normalize)
    if args.tokenizer:
        shutil.copyfile(args.tokenizer, args.out / "tokenizer.json")


if __name__ == "__main__":
    main()
