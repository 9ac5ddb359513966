"""Writes tests/golden/tokenizer.json: token ids and decoded texts by Hugging Face's `tokenizers`, the reference for src/encoders/tokenizer.ts.

    pip install tokenizers==0.23.3
    python scripts/make_tokenizer_golden.py FOLDER_OF_BERT_BASE_UNCASED

Two tables over the same texts: a small vocabulary made here from the sentences below (kept in the file, so that its test needs nothing else), and bert-base-uncased (only ids are kept; its test reads the tokenizer.json below $SIMANS_DATA).
"""
import json
import sys
from pathlib import Path

import tokenizers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

BORDER = "(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

SENTENCES = [
    "The heron waits where the river slows and the reeds grow tall.",
    "A lighthouse keeper counts the passing ships and writes their names down.",
    "readLighthouseLog parses the log2024 and returns an HTTPResponse for every shipName.",
    "Écoute la mer près du phare, naïve étoile; Größe und Übermut schaden nicht.",
    "Ο φάρος βλέπει τη θάλασσα και το ποτάμι. ΦΑΡΟΣ",
    "灯台守は船を数える。 灯塔看守人数船。 등대지기는 배를 센다.",
    "प्रकाशस्तंभ और नदी का किनारा, ประภาคารกับแม่น้ำ, المنارة والنهر",
    "Waiting, counting, writing, passing: the keeper's days don't differ (12 ships, 340 names).",
]

TEXTS = [
    "",
    " ",
    "\t\r\n",
    "The keeper counts ships.",
    "the   keeper\tcounts\nships\r\n",
    "readLighthouseLog(shipName) -> HTTPResponse2",
    "parseXMLFile8bit utf8 x2y ABc aBC A1B2",
    "snake_case_and MAX_COUNT __init__",
    "naïve étoile ÉCOUTE Größe ǅ ﬁre İstanbul ſ",
    "e\u0301toile o\u0308 a\u0323\u0302",
    "ΦΑΡΟΣ ΦΑΡΟΣ. Φάρος σς",
    "灯台shipを数える 灯塔",
    "\U00020000\U0002b820\U0002b920\U0002f800 豈",
    "등대지기는",
    "प्रकाशस्तंभ नदी",
    "ประภาคาร แม่น้ำ",
    "المنارة والنَّهر",
    "מִגְדַּלּוֹר",
    "ship😀ship 👩‍👩‍👧 🏳️‍🌈 ❤️",
    "ship\u0000ship \u0007 \u0085 \u007f \u200b \u200d \u00ad \ufeff \ufffd \u202e end",
    "a\u00a0b\u3000c\u2003d\u2028e\u2029f\u1680g",
    "\u000bship\u000criver",
    "don't keeper's \"reeds\" (340) [12] {x} <y> $5 €6 50% a+b=c a|b a~b `c` ^ @ # & * \\ /",
    "… — – “reeds” «mer» ¿qué? ¡sí! 「船」",
    "② Ⅳ ½ ℃ ™ ©",
    "[SEP]",
    "river[MASK]reeds [CLS]ships[PAD] [UNK] [sep] [MASK ]",
    "w" * 100,
    "w" * 101,
    "keeper " + "counting" * 20 + " ships",
    "keepers waited; reedier lighthouses overcount",
    "xqzjv kwyf",
    "The heron waits where the river slows and the reeds grow tall. " * 12,
]


def small():
    bert = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    normalizer = normalizers.Sequence([normalizers.Replace(Regex(BORDER), " "), bert])
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = sorted({word for text in SENTENCES for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))})
    characters = sorted(set("".join(words)))
    # Every second word whole, the others from pieces: prefixes and endings of three characters, and single characters.
    pieces = sorted({word[:3] for word in words} | {"##" + word[-3:] for word in words if len(word) > 3})
    entries = SPECIAL + characters + ["##" + c for c in characters] + words[::2] + pieces
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(entries))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(SPECIAL)
    ids = [(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids)
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return tokenizer


def cases(tokenizer):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = [tokenizer.encode(text).ids for text in TEXTS]
    return [{"text": text, "ids": ids, "decoded": tokenizer.decode(ids)} for text, ids in zip(TEXTS, encoded)]


def bert_base_uncased(folder):
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"].setdefault("type", "WordPiece")
    return Tokenizer.from_str(json.dumps(content))


def main():
    tokenizer = small()
    golden = {
        "reference": f"tokenizers {tokenizers.__version__}",
        "small": {"tokenizer": json.loads(tokenizer.to_str()), "cases": cases(tokenizer)},
        "bertBaseUncased": {"cases": cases(bert_base_uncased(Path(sys.argv[1])))},
    }
    target = Path(__file__).parent.parent / "tests" / "golden" / "tokenizer.json"
    target.write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n", encoding="utf-8")


main()
