#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/*.json: vectors from the reference libraries, which the CPU engine must reproduce.

minilm.json       texts, their token ids and normalised vectors of all-MiniLM-L6-v2, from sentence-transformers
random_bert.json  BERTs of odd sizes (weights: tools/make_bert.py), sequences, and their mean, first and last state,
                  from transformers
random_nomic.json  the same of nomic-berts (weights: tools/make_nomic.py)
pooling.json      token states and what sentence-transformers' Pooling makes of them
Every text runs alone, in fp32, so no padding is involved. Each file names the versions that made it.

Usage: make_golden.py MINILM_FOLDER [OUT_FOLDER]; needs torch, transformers and sentence-transformers.
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling

import make_bert
import make_nomic

REFERENCE = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "sentence-transformers": sentence_transformers.__version__,
}

TEXTS = [
    "", "a", "Hello, world!", "hello world", "HELLO WORLD", "The quick brown fox jumps over the lazy dog.",
    "How do I reset my password?", "I forgot my password and cannot log in.", "Where is the retry logic?",
    "A man is playing a guitar on stage.", "Someone plays an instrument for an audience.", "It is raining heavily in Oslo.",
    "Embeddings map text to vectors such that similar texts are close.", "42", "3.14159265358979", "1, 2, 3, 4, 5",
    "e^(i*pi) + 1 = 0", "https://example.org/path?query=1&other=two#fragment", "user@example.com", "2024-02-29T23:59:60Z",
    "def add(a, b):\n    return a + b\n", "for (size_t i = 0; i < n; ++i) sum += x[i] * y[i];",
    "SELECT name, COUNT(*) FROM users WHERE age > 30 GROUP BY name;", "fn main() { println!(\"{}\", 1 + 1); }",
    "{\"key\": [1, 2.5, null, true]}", "<div class=\"a\">text &amp; more</div>", "git commit --amend --no-edit",
    "std::unique_ptr<Engine> engine = make_engine(options);", "TypeError: 'NoneType' object is not subscriptable",
    "Der schnelle braune Fuchs springt über den faulen Hund.", "Le café est fermé à Noël, hélas.",
    "El niño comió piñas en la montaña.", "Быстрая коричневая лиса прыгает через ленивую собаку.",
    "Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.", "敏捷的棕色狐狸跳过了懒狗。", "素早い茶色の狐がのろまな犬を飛び越える。",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.", "الثعلب البني السريع يقفز فوق الكلب الكسول.", "השועל החום המהיר קופץ מעל הכלב העצלן.",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।", "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ", "🙂🚀✨ emoji only 👩‍👩‍👧‍👦",
    "naïve façade coöperate résumé", "naive facade cooperate resume", "ﬁ ligature and ｆｕｌｌｗｉｄｔｈ letters",
    "tabs\tand\nnewlines\r\nand   spaces", "...!!!???", "-", "()[]{}<>", "\u200bzero\u200bwidth\u200b", "supercalifragilisticexpialidocious",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "A" * 120, "ab " * 40,
    "no no no no no no no no", "yes", "Yes, it is.", "No, it is not.",
    "The mitochondrion is the powerhouse of the cell; it makes adenosine triphosphate by oxidative phosphorylation.",
    "In 1969 two astronauts walked on the Moon while a third one orbited above them, alone on its far side.",
    "Batching trades latency for throughput: a free worker pulls what is queued and never waits for more. " * 3,
    "A vector's bits depend on its own tokens only, whatever it is batched with, and a test compares memory. " * 8,
    "Long texts are cut at the model's limit of two hundred and fifty-six tokens, and the cut is reported. " * 16,
    " ".join(str(i) for i in range(300)),
]

BERTS = [
    make_bert.Bert(hidden=36, layers=1, heads=3, intermediate=77, vocab=101, epsilon=1e-12, activation="gelu", seed=1),
    make_bert.Bert(hidden=60, layers=2, heads=5, intermediate=77, vocab=101, epsilon=1e-5, activation="gelu_new", seed=2),
    make_bert.Bert(hidden=36, layers=3, heads=2, intermediate=130, vocab=101, epsilon=1e-7, activation="relu", seed=3),
    make_bert.Bert(hidden=64, layers=4, heads=1, intermediate=128, vocab=97, epsilon=1e-12, activation="gelu", seed=4),
    make_bert.Bert(hidden=60, layers=5, heads=3, intermediate=241, vocab=101, epsilon=1e-3, activation="silu", seed=5),
    make_bert.Bert(hidden=140, layers=2, heads=2, intermediate=33, vocab=101, types=1, activation="gelu", seed=6),
]
NOMICS = [
    make_nomic.Nomic(hidden=36, layers=1, heads=3, intermediate=77, vocab=101, positions=600, trained=512, seed=11),
    make_nomic.Nomic(hidden=128, layers=2, heads=2, intermediate=130, vocab=101, positions=600, trained=512, epsilon=1e-5,
                     seed=12),
    make_nomic.Nomic(hidden=96, layers=3, heads=3, intermediate=64, vocab=97, positions=600, trained=512, base=10000.0,
                     activation="geglu", types=1, seed=13),
    make_nomic.Nomic(hidden=64, layers=2, heads=4, intermediate=101, vocab=101, positions=600, trained=120, scaling=2.0,
                     seed=14),
]
LENGTHS = [1, 2, 3, 17, 128, 511, 512]


def numbers(array):
    """float32 values with as many digits as give them back."""
    return [float(f"{value:.9g}") for value in np.asarray(array, dtype=np.float32)]


def minilm(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    cases = []
    for text in TEXTS:
        ids = model.preprocess([text])["input_ids"][0].tolist()
        vector = model.encode(text, convert_to_numpy=True)
        cases.append({"text": text, "ids": ids, "vector": numbers(vector)})
    return {"reference": REFERENCE, "model": "all-MiniLM-L6-v2", "cases": cases}


def random_ids(bert, length, salt):
    """Ids and types from the same hash as the weights."""
    state = make_bert.mix(np.array([salt], dtype=np.uint32))
    values = make_bert.mix(np.arange(length, dtype=np.uint32) + state)
    return (values % bert.vocab).tolist(), ((values >> np.uint32(16)) % bert.types).tolist()


def random_model(model, writer):
    """Sizes of a model, and sequences with their states."""
    sequences = []
    with tempfile.TemporaryDirectory() as folder:
        writer.write_folder(folder, model)
        reference = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    for salt, length in enumerate(LENGTHS):
        ids, types = random_ids(model, length, salt + 100 * model.seed)
        with torch.no_grad():
            output = reference(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]))
        states = output.last_hidden_state[0]
        sequences.append({
            "ids": ids, "types": types, "mean": numbers(states.mean(0)), "first": numbers(states[0]),
            "last": numbers(states[-1]),
        })
    return {**vars(model), "sequences": sequences}


def random_models(models, writer):
    return {"reference": REFERENCE, "models": [random_model(model, writer) for model in models]}


def pooling():
    cases = []
    for tokens, width in [(1, 5), (2, 8), (7, 12), (33, 3)]:
        state = make_bert.mix(np.array([tokens], dtype=np.uint32))
        hashed = make_bert.mix(np.arange(tokens * width, dtype=np.uint32) + state)
        states = torch.tensor(((hashed >> np.uint32(8)) / 2.0**22 - 2.0).astype(np.float32).reshape(1, tokens, width))
        features = {"token_embeddings": states, "attention_mask": torch.ones(1, tokens, dtype=torch.int64)}
        modes = {}
        for mode in ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"):
            modes[mode] = numbers(Pooling(width, mode)(dict(features))["sentence_embedding"][0])
        cases.append({"width": width, "states": numbers(states.flatten()), "modes": modes})
    return {"reference": REFERENCE, "cases": cases}


def write(path, value):
    """JSON with a line per case, so that a changed case is a changed line."""
    def compact(item):
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"))

    members = []
    for key, item in value.items():
        text = "[\n" + ",\n".join(map(compact, item)) + "\n]" if isinstance(item, list) else compact(item)
        members.append(f"{compact(key)}:{text}")
    path.write_text("{" + ",\n".join(members) + "}\n")
    print(path, path.stat().st_size)


def main():
    torch.set_num_threads(1)
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = pathlib.Path(__file__).resolve().parent.parent
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else root / "tests" / "golden"
    write(out / "minilm.json", minilm(pathlib.Path(sys.argv[1])))
    write(out / "random_bert.json", random_models(BERTS, make_bert))
    write(out / "random_nomic.json", random_models(NOMICS, make_nomic))
    write(out / "pooling.json", pooling())


if __name__ == "__main__":
    main()
