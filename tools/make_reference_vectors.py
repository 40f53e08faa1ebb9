#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes reference_vectors.json into a model folder: texts and the vectors that sentence-transformers makes of them.

A server that loads the folder compares its own vectors with these and refuses the model when they differ
(docs/formats/model-folder.md); `neso doctor` shows how near they are. Every text runs alone, on the CPU, in fp32, so
that neither padding nor a reduced precision is in the vectors.

Needs sentence-transformers, which nothing else of neso does: pip install sentence-transformers

Usage: make_reference_vectors.py MODEL_FOLDER [--texts FILE] [--out FILE]
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer

# One of each kind: what a wrong tokenizer, pooling, prompt or limit of tokens would show in.
TEXTS = [
    "Where is the retry logic?",
    "The quick brown fox jumps over the lazy dog.",
    "THE QUICK BROWN FOX",
    "def add(a, b):\n    return a + b\n",
    "SELECT name, COUNT(*) FROM users WHERE age > 30 GROUP BY name;",
    "std::unique_ptr<Engine> engine = make_engine(options);",
    "Der Zug nach Zürich fährt um 7:45 Uhr ab; le café est fermé à Noël.",
    "Быстрая лиса прыгает через забор. 机器学习模型把文本变成向量。 🙂",
    "https://example.org/search?q=embedding&page=2",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen. It takes place in the chloroplasts of "
    "plants and algae, and nearly all life on Earth depends on it directly or indirectly.",
    # Longer than most models take: it is cut where the model cuts.
    " ".join(f"Sentence {i} of a long text says that {i} times {i} is {i * i}." for i in range(200)),
]
# In front of which each of the model's prompts is tried.
PROMPTED = ["Where is the retry logic?", "Water boils at a lower temperature in the mountains."]
MOST_VECTORS = 256  # as src/checkpoint/reference_vectors.h
MOST_TEXT_BYTES = 65536


def read_texts(path):
    """One text a line, or JSON lines with a member "text"."""
    texts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("{"):
            line = json.loads(line).get("text")
            if not isinstance(line, str):
                sys.exit(f'{path}: line {number} has no string "text"')
        texts.append(line)
    return texts


def entries(model, texts):
    """(text, name of a prompt or None) of everything to encode."""
    names = [name for name, prompt in model.prompts.items() if prompt]
    return [(text, None) for text in texts] + [(text, name) for name in names for text in PROMPTED]


def encode(model, text, prompt_name):
    vector = model.encode([text], prompt_name=prompt_name, show_progress_bar=False)[0]
    if not np.isfinite(vector).all() or not vector.any():
        sys.exit(f"the model gives no usable vector for {text[:40]!r}: it is not finite or all zero")
    return vector


def written(text, prompt_name, vector):
    entry = {"text": text} | ({} if prompt_name is None else {"prompt_name": prompt_name})
    numbers = ",".join(f"{value:.9g}" for value in vector)
    return json.dumps(entry, ensure_ascii=False)[:-1] + f', "vector": [{numbers}]}}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="a folder that sentence-transformers opens")
    parser.add_argument("--texts", type=pathlib.Path, help="texts to use, one a line or JSON lines; else built-in ones")
    parser.add_argument("--out", type=pathlib.Path, help="default: reference_vectors.json in the folder")
    parser.add_argument("--trust-remote-code", action="store_true", help="run the Python files of the model's authors")
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f"{args.folder} is no folder")
    texts = read_texts(args.texts) if args.texts else TEXTS
    if too_long := [text for text in texts if len(text.encode()) > MOST_TEXT_BYTES]:
        parser.error(f"a text has {len(too_long[0].encode())} bytes; at most {MOST_TEXT_BYTES} are read")

    # float(): transformers may keep the type that the weights are stored in.
    model = SentenceTransformer(str(args.folder), device="cpu", trust_remote_code=args.trust_remote_code).float()
    wanted = entries(model, texts)
    if not texts or len(wanted) > MOST_VECTORS:
        parser.error(f"{len(wanted)} vectors, with the model's prompts; a file has 1 to {MOST_VECTORS}")
    vectors = [encode(model, text, name) for text, name in wanted]
    lines = [written(text, name, vector) for (text, name), vector in zip(wanted, vectors)]
    made_by = (f"sentence-transformers {sentence_transformers.__version__}, transformers {transformers.__version__}, "
               f"torch {torch.__version__}")
    out = args.out or args.folder / "reference_vectors.json"
    out.write_text(f'{{"made_by": {json.dumps(made_by)},\n"vectors": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")
    print(f"{out}: {len(lines)} vectors of {vectors[0].size} values")


if __name__ == "__main__":
    main()
