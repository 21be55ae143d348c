"""Writes the fixture of the embedding parity test: 200 texts and what sentence-transformers makes of them.

Usage: embeddings.py ENCODER_DIR OUT_DIR      (needs sentence-transformers; writes texts.jsonl and vectors.safetensors)
The texts are made here from a fixed seed, so the fixture can be rebuilt and compared.
"""
import json
import pathlib
import random
import sys

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

SUBJECTS = "The harbour pilot|A retired chemist|Our night-shift nurse|The youth orchestra|A small bakery in Porto|The ferry company|My neighbour's parrot|A start-up from Nairobi|The goalkeeper|Nobody at the ministry".split("|")
VERBS = "postponed|rebuilt|sold|photographed|complained about|forgot|quietly improved|measured|gave away|argued over".split("|")
OBJECTS = "the 1967 timetable|a crate of lemons|its quarterly figures|the broken lighthouse|two grand pianos|every unread e-mail|the penalty kick|a satellite dish|the water bill (€43.20)|half of the archive".split("|")
ENDINGS = ".|!|?|, as usual.| before breakfast.| - or so they say...| at 07:45, on platform 9.| (see page 12).|; nobody noticed.| with 3.5% interest.".split("|")

SPECIAL = [
    "", " ", "\n\t", "a", "?", "...", "[CLS]", "[SEP] [MASK]", "[UNK]", "##ing", "\u0000", "\ufeffmark", "\u200b", "\ufffd",
    "naïve café façade", "NAI\u0308VE CAFE\u0301", "Ångström straße ŒUVRE ĳssel", "İstanbul ılık", "ΑΘΗΝΑ Ελλάδα ς", "Привет, как дела? Ёлка", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "ภาษาไทยไม่มีช่องว่าง",
    "東京都は日本の首都です。", "我喜欢吃苹果和香蕉", "한국어 문장입니다", "混合 mixed テキスト text", "Ｆｕｌｌ　ｗｉｄｔｈ", "𝕗𝕒𝕟𝕔𝕪 𝓵𝓮𝓽𝓽𝓮𝓻𝓼", "ﬁne ﬂow", "①②③ ½ ¾ ²",
    "😀", "I ❤️ this 👍🏽", "👨‍👩‍👧‍👦 family", "🇮🇹🇯🇵 flags", "great!!! 🎉🎉🎉", "text😀without😀spaces", "🏳️‍🌈", "\U0001fae0",
    "http://example.com/a?b=c&d=%20e#f", "user@example.org", "C:\\Users\\me\\file.txt", "SELECT * FROM texts WHERE id = 1;", "x=1;y=2", "don't can't won't it's", "\u2018curly\u2019 \u201cquotes\u201d \u2014 dash", "1,234,567.89", "0x1F600", "a_b-c.d/e",
    "line one\nline two\r\nline three", "tab\tseparated\tvalues", "   leading and trailing   ", "non\u00a0breaking\u2003space", "soft\u00adhyphen", "right\u202eto left", "bell\u0007 escape\u001b[31m", "combining a\u0300\u0301\u0302\u0303",
    "supercalifragilisticexpialidocious", "a" * 99, "a" * 100, "a" * 101, "ab" * 3000, "word" + "!" * 300, "A" * 40 + " " + "b" * 40, "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
]


def sentence(rng):
    return f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}{rng.choice(ENDINGS)}"


def words(rng, n):
    text = []
    while len(text) < n:
        text += sentence(rng).split()
    return " ".join(text[:n])


def make_texts():
    rng = random.Random(20)
    texts = list(SPECIAL)
    texts += [words(rng, n) for n in (2000, 2000, 1000, 500, 300, 260, 255, 254, 253, 252, 251, 250, 200, 190, 180, 150, 128, 127)]
    texts.append(" ".join(rng.choice("😀🎉👍🔥") for _ in range(400)))
    texts.append("日本語の長い文章。" * 60)
    texts += [words(rng, n) for n in range(2, 40)]
    while len(texts) < 200:
        texts.append(" ".join(sentence(rng) for _ in range(rng.randint(1, 3))))
    return texts


def main():
    encoder, out = sys.argv[1], pathlib.Path(sys.argv[2])
    texts = make_texts()
    assert len(texts) == 200
    model = SentenceTransformer(encoder, device="cpu")
    with torch.no_grad():
        vectors = torch.cat([model.encode([text], convert_to_tensor=True) for text in texts])
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "texts.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for text in texts:
            file.write(json.dumps(text) + "\n")
    save_file({"vectors": vectors.contiguous()}, out / "vectors.safetensors")
    print(f"{len(texts)} texts, vectors {tuple(vectors.shape)}")


main()
