# SPDX-License-Identifier: Apache-2.0
"""Texts that are hard on tokenizers, the same ones on every run: source code of several languages, scripts of the world,
emoji sequences, combining marks, control characters, whitespace of every kind, long words, random Unicode."""
import random

CODE = [
    "def {a}({b}: int = {n}) -> str:\n    return f\"{{{b}}}-{s}\"",
    "    if ({a}->{b} != nullptr && {n}u < {a}.size()) {{ return std::move({b}); }}  // {s}",
    "\tfor {a}, {b} := range {a}{n} {{\n\t\tfmt.Printf(\"%v {s}\\n\", {b})\n\t}}",
    "pub fn {a}<'a>(&'a self, {b}: Option<u{n}>) -> Result<(), {a}Error> {{ Ok({b}?.into()) }}",
    "const {a} = async ({{ {b}, ...rest }}) => (await fetch(`/{s}/${{{b}}}?n={n}`))?.json() ?? null;",
    "SELECT {a}.{b}, COUNT(*) FROM {a} WHERE {b} LIKE '%{s}%' GROUP BY 1 HAVING COUNT(*) >= {n};",
    "<div class=\"{a} {b}\" data-n='{n}'>&lt;{s}&gt; &amp; &#x{n};</div>",
    "{{\"{a}\": [{n}, -{n}.5e-7, null], \"{b}\": \"\\u00e9{s}\\n\"}}",
    "#define {a}({b}) do {{ (void)({b}); /* {s} */ }} while (0{n})",
    "public static final Map<String, List<{a}>> {b} = new HashMap<>(0x{n}L); // {s}",
    "find . -name '*.{a}' -print0 | xargs -0 sed -i \"s/{b}/{s}/g\" && echo $?{n}",
    "{a} :: (Monad m) => {b} -> m {s}\n{a} = mapM_ print . take {n} $ iterate (* 2) 1",
    "^(?:[a-z]+|\\d{{1,{n}}})[^{a}{b}]*?\\s+(?!{s})$",
    "| {a} | {b} | ${n}.00 | **{s}** | [{a}](https://example.org/{b}?q={n}#{s}) |",
    "- {a}: it's what they'll've done; we'd {b} {n}% o'clock, won't I'm \"{s}\"... (e.g. {a}/{b})",
]
IDENTIFIERS = ["getUserName", "parse_json", "HTTPServer2", "x", "__init__", "kMaxValue", "naïveÜber", "δx", "变量", "i18n",
               "snake_case_very_long_identifier_name", "camelCaseVeryLongIdentifierName", "SCREAMING_CASE", "a1b2c3d4"]
SENTENCES = [
    "The quick brown fox jumps over the lazy dog.", "Voilà l'été à Noël, où çà ?", "Größe, Straße, Fußgängerübergänge",
    "Příliš žluťoučký kůň úpěl ďábelské ódy", "Pchnąć w tę łódź jeża lub ośm skrzyń fig", "İstanbul'da ığdır IĞDIR ı",
    "Съешь же ещё этих мягких французских булок", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία ΣΊΣΥΦΟΣ",
    "我能吞下玻璃而不伤身体。", "私はガラスを食べられます。ﾊﾝｶｸ カタカナ", "나는 유리를 먹을 수 있어요. 한글",
    "שלום עולם, זה טקסט בעברית עִם נִקּוּד", "مرحبا بالعالم؛ هذا نصٌّ مُشَكَّلٌ ١٢٣", "سلام دنیا، می‌خواهم", "नमस्ते दुनिया क्षत्रिय",
    "สวัสดีชาวโลก ภาษาไทยไม่มีช่องว่าง", "Xin chào thế giới, tiếng Việt", "ሰላም ልዑል", "გამარჯობა", "Բարեւ", "ᚠᛇᚻ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒻𝒶𝓃𝒸𝓎 ＦＵＬＬ ｗｉｄｔｈ",
    "ﬁ ﬂ ﬃ ½ ⅓ ① Ⅻ ™ № ㎏ ﷺ", "[CLS] [SEP] [MASK] [PAD] [UNK] <s> </s> <unk> <pad> <mask> <|endoftext|> ▁ Ġ ##ing",
]
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇯🇵", "👩🏾‍🚀", "❤️", "☺︎", "#️⃣", "🧑‍💻", "🫠", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
MARKS = ["\u0301", "\u0308", "\u0327", "\u0344", "\u0591", "\u05b0", "\u064b", "\u0651", "\u093c", "\u0e48", "\u20d7", "\u3099", "\ufe0f"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u2003", "\u2009", "\u200a",
          "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\u180e", "\n\n\n", "        "]
CONTROLS = [chr(c) for c in [*range(0x20), *range(0x7F, 0xA0)]] + ["\u200d", "\u200e", "\u200f", "\u202a", "\u202e",
            "\u2060", "\u2066", "\u2069", "\ufffd", "\ufffe", "\uffff", "\U000e0001", "\U0010ffff"]


def code(rng):
    return rng.choice(CODE).format(a=rng.choice(IDENTIFIERS), b=rng.choice(IDENTIFIERS), n=rng.randrange(10**rng.randrange(1, 9)),
                                   s=rng.choice(IDENTIFIERS))


def sentence(rng):
    words = " ".join(rng.sample(SENTENCES, rng.randrange(1, 4))).split(" ")
    rng.shuffle(words)
    return rng.choice([str, str.upper, str.title, str.swapcase])(" ".join(words))


def pieces(rng, *kinds):
    """Up to 20 pieces of several kinds, joined by nothing."""
    return "".join(rng.choice(rng.choice(kinds)) for _ in range(rng.randrange(1, 20)))


def random_unicode(rng):
    """Any scalar values, most from the lower planes."""
    limit = rng.choice([0x80, 0x250, 0x3000, 0x10000, 0x20000, 0x110000])
    points = (rng.randrange(limit) for _ in range(rng.randrange(1, 60)))
    return "".join(chr(p) for p in points if not 0xD800 <= p < 0xE000)


def long_word(rng):
    return rng.choice(["a", "ab", "Zz9", "é", "e\u0301", "語", "-", "'s", "."]) * rng.randrange(50, 1000)


def texts(count=10_000):
    """That many different texts."""
    rng = random.Random(6)
    letters = list("abcXYZ019_.,;'\"éßñ字ア")
    kinds = [
        code, code, sentence, sentence, random_unicode,
        lambda r: pieces(r, EMOJI, letters, [" "]),
        lambda r: pieces(r, MARKS, letters),
        lambda r: pieces(r, SPACES, letters, IDENTIFIERS),
        lambda r: pieces(r, CONTROLS, letters, SPACES),
        lambda r: pieces(r, IDENTIFIERS, EMOJI, MARKS, SPACES, CONTROLS),
    ]
    found = ["", " ", "\n", "\0", "\0\0 \0", "a\0b", "\ufeff", *SENTENCES, *EMOJI, *SPACES, *CONTROLS, *MARKS]
    found += [long_word(rng) for _ in range(30)]
    found = dict.fromkeys(found)
    while len(found) < count:
        found[rng.choice(kinds)(rng)] = None
    return list(found)
