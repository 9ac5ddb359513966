"""Scores of pairs of texts by Hugging Face transformers and by sentence-transformers' CrossEncoder, for `npm run claims -- recipes`: prints them as JSON.

pip install sentence-transformers; python scripts/score_pairs.py PAIRS_FILE MAX_TOKENS MODEL_FOLDER…
PAIRS_FILE holds a JSON list of [first, second].
"""
import json
import sys

import sentence_transformers
import torch
import transformers


def scores(folder, pairs, tokens):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer([first for first, _ in pairs], [second for _, second in pairs], padding=True, truncation="longest_first", max_length=tokens,
                       return_tensors="pt")
    with torch.no_grad():
        by_transformers = model(**inputs).logits[:, 0].tolist()
    encoder = sentence_transformers.CrossEncoder(folder, max_length=tokens, device="cpu")
    by_encoder = encoder.predict([tuple(pair) for pair in pairs], activation_fn=torch.nn.Identity())
    return {"transformers": by_transformers, "CrossEncoder": [float(score) for score in by_encoder]}


def main():
    pairs = json.load(open(sys.argv[1], encoding="utf8"))
    made = {folder: scores(folder, pairs, int(sys.argv[2])) for folder in sys.argv[3:]}
    print(json.dumps({"versions": f"transformers {transformers.__version__}, sentence-transformers {sentence_transformers.__version__}", "scores": made}))


main()
