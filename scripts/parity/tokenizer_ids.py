"""Writes tests/data/tokenizers: a tiny tokenizer of every family, as raw files, and the ids that transformers gives with it.

    python scripts/parity/tokenizer_ids.py      (needs transformers 5.23, sentencepiece and tokenizers)

Every folder holds only what a model without tokenizer.json has, trained here on the sentences below, and expected.json:
ids of texts.json, ids and token types of pairs.json and long_pairs.json, the latter cut as truncation=True cuts them. Texts are stripped of white space at both ends before they reach the
tokenizer, as Handful does it.
"""
import collections
import io
import json
import pathlib
import shutil
import tempfile

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "tokenizers"
MAX_TOKENS, MAX_PAIR_TOKENS = 40, 48

SENTENCES = """\
The ferry leaves the harbour at seven, and the last bus waits for nobody.
Our neighbours planted forty lemon trees between the station and the old mill.
She returned the printer because the paper tray broke on the second day.
Is the delivery late again, or did somebody forget to open the gate?
A quiet engine, good brakes and a fair price: we would buy it again!
The committee postponed the vote until the figures have been checked.
He's certain they'll win; I'd say it's too early to tell, don't you think?
In 1967 the bridge cost 43,200 crowns, in 2024 about 3.5% more.
Le café de la gare ferme à dix heures, même l'été; où dîner après?
Der Zug nach Köln fährt über Würzburg, die Straße ist gesperrt.
El niño pidió más azúcar, ¿verdad? Mañana habrá otra canción.
Привет, как дела? Погода сегодня хорошая, и автобус не опаздывает.
Η θάλασσα ήταν ήρεμη και το λιμάνι γεμάτο βάρκες.
東京の天気は今日も晴れです。駅前の店で昼食を食べました。
我喜欢吃苹果，也喜欢喝茶。火车站在哪里？
한국어 문장도 몇 개 있어야 합니다.
مرحبا بالعالم، الطقس جميل اليوم.
Write to service@example.org or call 0800 55 66; the form is at http://example.org/a?b=c&d=1#e.
unhappiness, reopening, carefully, internationalisation, walking walked walks walker
great team, great goal, great match, great music, great weather, great food""".split("\n")

TEXTS = [
    "", " ", "\n\t", "a", "?", "...", "The ferry leaves at seven.", "the FERRY Leaves AT seven", "I'd say it's late, don't you think?",
    "two  spaces   three    four", "  at both ends  ", "line one\nline two\r\nline three", "tab\tseparated\tvalues", "\n\nblank\n\n\nlines\n",
    "non\u00a0breaking\u2003space\u3000wide", "zero\u200bwidth\u200djoiner", "soft\u00adhyphen", "bell\u0007 escape\u001b[31m null\u0000end",
    "unhappiness reopening internationalisation", "unheardofword xyzzy qqq", "supercalifragilisticexpialidocious " * 4, "a" * 300, "ab" * 90,
    "café naïve Köln Straße", "cafe\u0301 nai\u0308ve Ko\u0308ln", "ÉCOLE ÇA ŒUVRE", "İstanbul ılık", "ΑΘΗΝΑ θάλασσα ς", "Привет, Ёлка и ёж",
    "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "ภาษาไทยไม่มีช่องว่าง", "東京の天気は今日も晴れです。", "我喜欢吃苹果。火车站在哪里？", "한국어 문장입니다", "\u1112\u1161\u11ab 한",
    "混合 mixed テキスト text", "Ｆｕｌｌ　ｗｉｄｔｈ １２３", "ｶﾞ ﾊﾟ half width", "𝕗𝕒𝕟𝕔𝕪 𝓵𝓮𝓽𝓽𝓮𝓻𝓼", "ﬁne ﬂow ﬀ", "①②③ ½ ¾ ² ™ № …", "ǆ Ǆ ŀ",
    "😀", "I ❤️ this 👍🏽", "👨‍👩‍👧‍👦 family 🇮🇹🇯🇵", "text😀without😀spaces", "great!!! 🎉🎉🎉", "\U0001fae0 \U000e0001",
    "[CLS] and [SEP] and [MASK] and [PAD] and [UNK]", "<s> and </s> and <mask> and <pad> and <unk>", "before <mask>after, before [MASK]after", "spaces   <mask>   around [MASK] it", "[mask] <MASK> < s > [ CLS ]", "<s>NOTUSED <unk>NOTUSED", "##ing ##s ▁the ▁ _ Ġthe Ċ",
    "«quotes» “curly” ‘single’ — dash – en ‑ nb", "1,234,567.89 0x1F600 3.5% €43.20", "http://example.org/a?b=c&d=1#e service@example.org", "C:\\files\\a.txt a_b-c.d/e x=1;y=2", "right\u202eto left\u200f mark\ufeff \ufffd", "a\u0300\u0301\u0302\u0303 Z\u0351\u036b\u0343algo",
    "The committee postponed the vote until the figures have been checked. " * 6, "word" + "!" * 80, "日本語の長い文章。" * 20, "😀🎉" * 30, "\u2028line\u2029paragraph\u0085next\u000bvertical\u000cfeed",
]

PAIRS = [
    ("The ferry leaves at seven.", "This text is about travel."),
    ("", ""), ("", "This text is about food."), ("Great music!", ""), ("  spaces  ", "\ttabs\t"),
    ("我喜欢吃苹果", "café"), ("😀 [SEP] </s>", "[MASK] <mask>"),
    ("The committee postponed the vote until the figures have been checked. " * 6, "About politics."),
    ("The committee postponed the vote until the figures have been checked.", "great team"),
    ("naïve " * 30, "This text is about music."), ("a" * 200, "b"),
]

_SENTENCE = "The committee postponed the vote until the figures have been checked. "
LONG_PAIRS = PAIRS + [
    (_SENTENCE * 6, _SENTENCE * 6), (_SENTENCE * 7, _SENTENCE * 6), (_SENTENCE * 6, _SENTENCE * 7), ("great team", _SENTENCE * 6), ("", _SENTENCE * 6),
    (_SENTENCE * 2, _SENTENCE * 6), (_SENTENCE * 6, _SENTENCE * 2), (_SENTENCE, _SENTENCE), ("great " * 21, "great " * 40), ("great " * 22, "great " * 40), ("great " * 23, "great " * 40),
    ("great " * 40, "great " * 22), ("great " * 40, "great " * 23), ("great " * 22, "great " * 23), ("great " * 23, "great " * 23), ("great " * 24, "great " * 23),
    ("naïve " * 30, "日本語の長い文章。" * 20), ("a" * 200, "b" * 200), ("great team " * 300, "great music " * 700),
]

# Character replacements of the SentencePiece models, a hundredth of those that released models carry.
RULES = {"ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "™": "TM", "№": "No", "…": "...", "½": "1⁄2", "²": "2", "①": "1", "②": "2", "③": "3", "\u3000": " ", "\u00a0": " ", "\u2003": " ",
         "\n": " ", "\t": " ", "\r": " ", "\u0007": "", "\u001b": "", "\u200b": " ", "\ufeff": "", "\u00ad": "", "e\u0301": "é", "i\u0308": "ï", "o\u0308": "ö", "ｶ\uff9e": "ガ", "ﾊ\uff9f": "パ",
         "\u1112\u1161\u11ab": "한", "ŀ": "l·", "ǆ": "dž", "𝕗": "f", "𝕒": "a", "𝓵": "l", "𝓮": "e"} | {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}


def strip(text):
    """Without what Unicode calls white space at both ends; str.strip would take U+001C to U+001F as well."""
    return text.strip("\t\n\u000b\u000c\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000")


def word_piece(special, size, lower_case):
    """Every character, and the beginnings and endings of words that are there most often; the library's trainer breaks ties at random."""
    normalizer, splitter = normalizers.BertNormalizer(lowercase=lower_case), pre_tokenizers.BertPreTokenizer()
    words = [word for text in SENTENCES for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))]
    pieces = collections.Counter()
    for word in words:
        pieces.update([word[:n] for n in range(2, len(word) + 1)] + ["##" + word[n:] for n in range(1, len(word) - 1)])
    letters = sorted({letter for word in words for letter in word[:1]} | {"##" + letter for word in words for letter in word[1:]})
    vocab = special + letters + sorted(pieces, key=lambda piece: (-pieces[piece] * len(piece), piece))
    return {"vocab.txt": "".join(token + "\n" for token in vocab[:size])}


def byte_level(special, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(vocab_size=size, special_tokens=special[:4], initial_alphabet=alphabet, show_progress=False))
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.model.save(folder)
        vocab = json.loads((pathlib.Path(folder) / "vocab.json").read_text(encoding="utf-8"))
        merges = (pathlib.Path(folder) / "merges.txt").read_text(encoding="utf-8")
    vocab[special[4]] = len(vocab)
    return {"vocab.json": json.dumps(vocab, ensure_ascii=False), "merges.txt": merges}


def sentence_piece(name, size, rules=True, **options):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
        for source, target in RULES.items():
            file.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
        file.flush()
        how = dict(normalization_rule_tsv=file.name) if rules else dict(normalization_rule_name="identity")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES * 5), model_writer=model, vocab_size=size, hard_vocab_limit=False, character_coverage=0.98, minloglevel=2, **how, **options)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")  # the name of the temporary file
    return {name: proto.SerializeToString()}


BRACKETS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ANGLES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
XLM = dict(unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
DEBERTA = dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")


def families():
    """Each: folder, model_type, files with the vocabulary, other files."""
    yield "bert", "bert", word_piece(BRACKETS, 400, True), {}
    cased = word_piece(["[PAD]", "[UNK]", "<cls>", "[SEP]", "[MASK]", "<extra>"], 400, False)
    yield "bert_cased", "bert", cased, {"tokenizer_config.json": {
        "do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False, "cls_token": "<cls>", "tokenizer_class": "BertTokenizerFast", "additional_special_tokens": ["<extra>"],
        "mask_token": {"__type": "AddedToken", "content": "[MASK]", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False}}}
    yield "distilbert", "distilbert", word_piece(BRACKETS, 400, True), {"tokenizer_config.json": {"do_lower_case": True, "strip_accents": False, "model_max_length": 512}}
    mpnet = word_piece(["<s>", "[UNK]", "<pad>", "</s>", "<unk>"], 400, True)
    mpnet["vocab.txt"] += "<mask>\n"
    yield "mpnet", "mpnet", mpnet, {"special_tokens_map.json": {"bos_token": "<s>", "mask_token": {"content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}}}
    yield "roberta", "roberta", byte_level(ANGLES, 420), {}
    yield "roberta_prefix", "roberta", byte_level(ANGLES, 420), {"tokenizer_config.json": {
        "add_prefix_space": True, "trim_offsets": False, "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True, "single_word": False}}}
    yield "xlm_roberta", "xlm-roberta", sentence_piece("sentencepiece.bpe.model", 300, **XLM), {"tokenizer_config.json": {"model_max_length": 512}}
    # The kind of multilingual MiniLM and E5: a BERT with the vocabulary of XLM-RoBERTa. It has user-defined pieces and numbered tokens, too.
    numbered = {str(i): {"content": token, "lstrip": token == "<mask>", "normalized": False, "rstrip": False, "single_word": False, "special": True} for i, token in enumerate(ANGLES[:4])}
    multilingual = sentence_piece("sentencepiece.bpe.model", 280, rules=False, user_defined_symbols=["<user>", "great"], **XLM)
    n_pieces = sentencepiece.SentencePieceProcessor(model_proto=multilingual["sentencepiece.bpe.model"]).get_piece_size()
    numbered[str(n_pieces + 1)] = numbered["3"] | {"content": "<mask>", "lstrip": True}
    numbered[str(n_pieces + 2)] = {"content": "ferry", "lstrip": False, "normalized": True, "rstrip": False, "single_word": True, "special": False}
    yield "multilingual", "bert", multilingual, {"tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer", "added_tokens_decoder": numbered, "mask_token": "<mask>"}}
    yield "camembert", "camembert", sentence_piece("sentencepiece.bpe.model", 300, **XLM), {"tokenizer_config.json": {"additional_special_tokens": ["<s>NOTUSED", "</s>NOTUSED"]}}
    yield "deberta_v2", "deberta-v2", sentence_piece("spm.model", 300, **DEBERTA), {"tokenizer_config.json": {"do_lower_case": False, "vocab_type": "spm"}}
    lower = sentence_piece("spm.model", 300, **DEBERTA)
    n_pieces = sentencepiece.SentencePieceProcessor(model_proto=lower["spm.model"]).get_piece_size()
    yield "deberta_v2_lower", "deberta-v2", lower, {"tokenizer_config.json": {"do_lower_case": True, "split_by_punct": True}, "added_tokens.json": {"[MASK]": n_pieces}}


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n", encoding="utf-8", newline="\n")


def expected(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    texts = [tokenizer(strip(text), truncation=True, max_length=MAX_TOKENS)["input_ids"] for text in TEXTS]

    def of_pair(first, second, truncation):
        # As a batch of one: alone, a pair whose second text is empty would be taken for a single text.
        rows = tokenizer([strip(first)], [strip(second)], truncation=truncation, max_length=MAX_PAIR_TOKENS, return_token_type_ids=True)
        return {"ids": rows["input_ids"][0], "type_ids": rows["token_type_ids"][0]}

    pairs = [of_pair(first, second, "only_first") for first, second in PAIRS]
    long_pairs = [of_pair(first, second, True) for first, second in LONG_PAIRS]
    return tokenizer, {"n_tokens": len(tokenizer), "texts": texts, "pairs": pairs, "long_pairs": long_pairs}


def main():
    assert transformers.__version__.startswith("5.23."), f"the fixture is that of transformers 5.23, this is {transformers.__version__}"
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    write_json(OUT / "texts.json", {"max_tokens": MAX_TOKENS, "texts": TEXTS})
    write_json(OUT / "pairs.json", {"max_tokens": MAX_PAIR_TOKENS, "pairs": PAIRS})
    write_json(OUT / "long_pairs.json", {"max_tokens": MAX_PAIR_TOKENS, "pairs": LONG_PAIRS})
    for name, model_type, vocabulary, settings in families():
        folder = OUT / name
        folder.mkdir()
        write_json(folder / "config.json", {"model_type": model_type})
        for file, contents in vocabulary.items():
            (folder / file).write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        for file, contents in settings.items():
            write_json(folder / file, contents)
        tokenizer, ids = expected(folder)
        write_json(folder / "expected.json", ids)
        n_unknown = sum(row.count(tokenizer.unk_token_id) for row in ids["texts"])
        print(f"{name}: {type(tokenizer).__name__}, {len(tokenizer)} tokens, {sum(map(len, ids['texts']))} ids, {n_unknown} unknown")


if __name__ == "__main__":
    main()
