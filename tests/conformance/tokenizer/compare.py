# SPDX-License-Identifier: Apache-2.0
"""compare.py DUMP MINILM: fails unless `tokenizer_dump` gives the ids and type ids of the Python package `tokenizers`
for 10,000 texts (texts.py), whole and cut to 16 tokens. MINILM is a tokenizer.json (WordPiece); three more, which cover
byte-level BPE, a split expression of newer models, and Unigram, are trained here on the same texts."""
import json
import pathlib
import subprocess
import sys
import tempfile

from texts import SENTENCES, texts

try:
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
except ImportError as error:
    sys.exit(f"The Python package `tokenizers` is missing ({error}); run ./dev setup once, it installs it.")

# The pre-tokenizer expression of Qwen2 and Qwen3: look-ahead, classes, a case-insensitive group.
QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
              r"|\s+(?!\S)|\s+")
VARIANTS = [  # and of how many texts each one takes one
    ({}, 1),
    ({"max_tokens": 16}, 1),
    ({"max_tokens": 16, "side": "left"}, 10),
    ({"add_special_tokens": False}, 10),
    ({"max_tokens": 16, "add_special_tokens": False}, 10),
]


def byte_level_bpe(lines):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(vocab_size=6000, show_progress=False, special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def split_bpe(lines):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    trainer = trainers.BpeTrainer(vocab_size=4000, show_progress=False, special_tokens=["<|endoftext|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing("$A:1 <|endoftext|>:2", special_tokens=[("<|endoftext|>", 0)]),
    ])
    return tokenizer


def unigram(lines):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=3000, show_progress=False, unk_token="<unk>",
                                      special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    # Every character that it is trained on gets a piece, so the random ones must stay unknown.
    latin = [line for line in lines if max(line, default="") < "\u0250"]
    tokenizer.train_from_iterator([*latin, *SENTENCES], trainer)
    tokenizer.add_tokens([AddedToken("naïveÜber", normalized=False, single_word=True)])
    tokenizer.post_processor = processors.TemplateProcessing("<s>:0 $A:0 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def reference(tokenizer, lines, variant):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if variant.get("max_tokens"):
        tokenizer.enable_truncation(variant["max_tokens"], direction=variant.get("side", "right"))
    encodings = tokenizer.encode_batch(lines, add_special_tokens=variant.get("add_special_tokens", True))
    return [(encoding.ids, encoding.type_ids) for encoding in encodings]


def ours(dump, tokenizer_json, lines, variant):
    requests = "".join(json.dumps({"text": line, **variant}) + "\n" for line in lines)
    done = subprocess.run([dump, tokenizer_json], input=requests.encode(), stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"tokenizer_dump {tokenizer_json} failed with status {done.returncode}")
    return [json.loads(answer) for answer in done.stdout.splitlines()]


def differences(dump, name, tokenizer_json, lines):
    """Prints the first differences of one tokenizer and returns how many there are."""
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    found = compared = 0
    for variant, step in VARIANTS:
        chosen = lines[::step]
        expected = reference(tokenizer, chosen, variant)
        whole = reference(tokenizer, chosen, {**variant, "max_tokens": None}) if "max_tokens" in variant else expected
        answers = ours(dump, tokenizer_json, chosen, variant)
        assert len(answers) == len(chosen), f"{len(answers)} answers to {len(chosen)} texts"
        for line, (ids, type_ids), (all_ids, _), answer in zip(chosen, expected, whole, answers, strict=True):
            want = {"ids": ids, "type_ids": type_ids, "original_tokens": len(all_ids)}
            compared += 1
            if answer != want:
                found += 1
                if found <= 5:
                    print(f"{name} {variant}: {line!r}\n  want {want}\n  got  {answer}")
    print(f"{name}: {compared} comparisons, {found} differences")
    return found


def main():
    dump, minilm = sys.argv[1:]
    lines = texts()
    with tempfile.TemporaryDirectory() as folder:
        files = {"minilm": pathlib.Path(minilm)}
        for train in (byte_level_bpe, split_bpe, unigram):
            files[train.__name__] = pathlib.Path(folder, f"{train.__name__}.json")
            train(lines).save(str(files[train.__name__]))
        found = sum(differences(dump, name, path, lines) for name, path in files.items())
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
