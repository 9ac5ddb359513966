"""Makes tests/golden/tokenizers/: small tokenizers of each kind in BERT's family, and a hash of the ids of 10,000 texts by Hugging Face's `tokenizers`.

pip install tokenizers sentencepiece; python scripts/make_tokenizer_family_golden.py [FOLDER_OF_BERT_BASE_UNCASED]

The texts are those of tests/encoders/tokenizer/texts.mjs (Node writes them). Of bert-base-uncased the hashes alone are kept.
"""
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).parent.parent
HERE = ROOT / "tests/golden/tokenizers"


def from_node(expression):
    """The value of an expression over the exports of texts.mjs."""
    dump = f"import * as t from './tests/encoders/tokenizer/texts.mjs'; process.stdout.write(JSON.stringify({expression}));"
    return json.loads(subprocess.run(["node", "--input-type=module", "-e", dump], cwd=ROOT, capture_output=True, check=True).stdout)


TEXTS = from_node("Array.from({ length: t.TEXTS }, (_, i) => t.textOf(i))")
CORPUS = [text for text in TEXTS[::2] if len(text) < 5000]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def bert(lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=3000, special_tokens=BERT, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def mask_with_space(tokenizer):
    """RoBERTa's <mask> takes the space before it along."""
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])


def roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=1500, special_tokens=ROBERTA[:4], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    mask_with_space(tokenizer)
    tokenizer.post_processor = processors.RobertaProcessing(sep=("</s>", 2), cls_token=("<s>", 0), trim_offsets=True, add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def xlm_roberta():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\n", " ").replace("\0", "") for text in CORPUS[:1500]), model_writer=model, vocab_size=5000, model_type="unigram",
        normalization_rule_name="nmt_nfkc", character_coverage=0.98, minloglevel=2, num_threads=1)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces][3:]
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(p, round(s, 4)) for p, s in pieces] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.add_special_tokens(ROBERTA[:4])
    mask_with_space(tokenizer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def hash_of(ids):
    return hashlib.sha256(json.dumps(ids, separators=(",", ":")).encode()).hexdigest()[:8]


def with_added_tokens(tokenizer):
    """A copy of it that knows the added tokens of texts.mjs too."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    for flags in from_node("t.ADDED"):
        copy.add_tokens([AddedToken(flags.pop("content"), **{"normalized": False, **flags})])
    return copy


def truncated_pair(tokenizer, i):
    """Of texts i and i + 1, at most 5 to 44 ids."""
    tokenizer.enable_truncation(5 + 7 * i % 40, strategy="longest_first")
    ids = tokenizer.encode(TEXTS[i], TEXTS[i + 1]).ids
    tokenizer.no_truncation()
    return ids


def edges(made):
    """What the texts do not reach: characters of all scripts, added tokens, pairs that are too long."""
    golden = {}
    for name, tokenizer in made.items():
        added = with_added_tokens(tokenizer)
        golden[name] = {
            "pairs": "".join(hash_of(truncated_pair(tokenizer, i)) for i in range(0, 1000, 2)),
            "addedTokens": json.loads(added.to_str())["added_tokens"],
            "added": "".join(hash_of(added.encode(text).ids) for text in from_node("t.addedTexts()")),
        }
        if name == "bert-uncased":
            golden[name]["characters"] = "".join(hash_of(tokenizer.encode(text).ids) for text in from_node("t.characterTexts()"))
    (HERE / "edges.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    made = {"bert-uncased": bert(True), "bert-cased": bert(False), "roberta": roberta(), "xlm-roberta": xlm_roberta()}
    edges(made)
    if len(sys.argv) > 1:
        made["bert-base-uncased"] = Tokenizer.from_file(str(pathlib.Path(sys.argv[1]) / "tokenizer.json"))
        made["bert-base-uncased"].no_truncation()
        made["bert-base-uncased"].no_padding()
    for name, tokenizer in made.items():
        ids = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
        hashes = [hash_of(one) for one in ids]
        pairs = [tokenizer.encode(TEXTS[i], TEXTS[i + 1]) for i in range(0, 40, 2)]
        golden = {"hashes": "".join(hashes), "first": ids[:20], "pairs": [pair.ids for pair in pairs], "types": [pair.type_ids for pair in pairs]}
        (HERE / f"{name}.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        if name != "bert-base-uncased":
            (HERE / f"{name}.json.gz").write_bytes(gzip.compress(tokenizer.to_str().encode(), mtime=0))


main()
