#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a nomic-bert of any size with pseudo-random weights as a folder that transformers opens (needs numpy).

Names and keys are those of nomic-embed-text v1.5; the weights are make_bert.py's function of seed, name and index.
config.json also has the keys that transformers 5 reads: it takes the trained length and the scaling of rotary positions
from max_position_embeddings and rope_parameters.
"""

import argparse
import dataclasses
import pathlib

import make_bert


@dataclasses.dataclass
class Nomic:
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    intermediate: int = 3072
    vocab: int = 30528
    positions: int = 8192
    trained: int = 2048
    scaling: float = 0.0
    base: float = 1000.0
    types: int = 2
    activation: str = "swiglu"
    epsilon: float = 1e-12
    seed: int = 1


def tensor_shapes(nomic):
    h, inner = nomic.hidden, nomic.intermediate
    shapes = {
        "embeddings.word_embeddings.weight": (nomic.vocab, h),
        "embeddings.token_type_embeddings.weight": (nomic.types, h),
        "emb_ln.weight": (h,),
        "emb_ln.bias": (h,),
    }
    for layer in range(nomic.layers):
        prefix = f"encoder.layers.{layer}."
        shapes |= {
            f"{prefix}attn.Wqkv.weight": (3 * h, h),
            f"{prefix}attn.out_proj.weight": (h, h),
            f"{prefix}mlp.fc11.weight": (inner, h),
            f"{prefix}mlp.fc12.weight": (inner, h),
            f"{prefix}mlp.fc2.weight": (h, inner),
        }
        for name in ("norm1", "norm2"):
            shapes[f"{prefix}{name}.weight"] = (h,)
            shapes[f"{prefix}{name}.bias"] = (h,)
    return shapes


def config(nomic):
    rope = {"rope_type": "default", "rope_theta": nomic.base}
    if nomic.scaling:
        rope |= {"rope_type": "dynamic", "factor": nomic.scaling}
    return {
        "architectures": ["NomicBertModel"], "model_type": "nomic_bert", "n_embd": nomic.hidden, "n_layer": nomic.layers,
        "n_head": nomic.heads, "n_inner": nomic.intermediate, "vocab_size": nomic.vocab, "n_positions": nomic.positions,
        "max_trained_positions": nomic.trained, "type_vocab_size": nomic.types, "layer_norm_epsilon": nomic.epsilon,
        "activation_function": nomic.activation, "rotary_emb_base": nomic.base, "rotary_emb_fraction": 1.0,
        "rotary_emb_interleaved": False, "rotary_scaling_factor": nomic.scaling or None, "prenorm": False, "causal": False,
        "qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "use_rms_norm": False,
        "hidden_size": nomic.hidden, "num_hidden_layers": nomic.layers, "num_attention_heads": nomic.heads,
        "intermediate_size": nomic.intermediate, "max_position_embeddings": nomic.trained,
        "layer_norm_eps": nomic.epsilon, "hidden_act": {"swiglu": "silu", "geglu": "gelu"}[nomic.activation],
        "rope_parameters": rope,
    }


def write_folder(folder, nomic):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    make_bert.write_json(folder / "config.json", config(nomic))
    make_bert.write_safetensors(folder / "model.safetensors", tensor_shapes(nomic), nomic.seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    make_bert.add_size_options(parser, Nomic)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    write_folder(args.out, make_bert.sizes_from(args, Nomic))


if __name__ == "__main__":
    main()
