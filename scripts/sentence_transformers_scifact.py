"""The test measures of a model folder on a BEIR data set by sentence-transformers, for `npm run claims -- encoders --full`: prints them as JSON.

pip install sentence-transformers; python scripts/sentence_transformers_scifact.py MODEL_FOLDER BEIR_FOLDER
"""
import gzip
import json
import math
import pathlib
import sys

import numpy
import sentence_transformers
import torch


def lines(folder, name):
    plain = folder / name
    with (plain.open(encoding="utf8") if plain.exists() else gzip.open(folder / f"{name}.gz", "rt", encoding="utf8")) as file:
        return [json.loads(line) for line in file]


def main():
    folder = pathlib.Path(sys.argv[2])
    model = sentence_transformers.SentenceTransformer(sys.argv[1], device="cpu")
    corpus = lines(folder, "corpus.jsonl")
    text = lambda record: " ".join(part for part in [record.get("title") or "", record.get("text") or ""] if part.strip())
    qrels = {}
    for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, passage, grade = line.split("\t")
        qrels.setdefault(query, {})[passage] = int(grade)
    queries = [record for record in lines(folder, "queries.jsonl") if record["_id"] in qrels]
    vectors = model.encode([text(record) for record in corpus], batch_size=64, convert_to_numpy=True)
    asked = model.encode([record["text"] for record in queries], batch_size=64, convert_to_numpy=True)
    ids = [record["_id"] for record in corpus]
    measures = {"ndcg@10": [], "recall@100": []}
    for record, scores in zip(queries, asked @ vectors.T):
        grades = {passage: grade for passage, grade in qrels[record["_id"]].items() if grade > 0}
        if not grades:
            continue
        ranking = [ids[row] for row in numpy.argsort(-scores, kind="stable")[:100]]
        gain = sum(grades.get(passage, 0) / math.log2(rank + 2) for rank, passage in enumerate(ranking[:10]))
        ideal = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(sorted(grades.values(), reverse=True)[:10]))
        measures["ndcg@10"].append(gain / ideal)
        measures["recall@100"].append(len(grades.keys() & set(ranking)) / len(grades))
    means = {name: float(numpy.mean(values)) for name, values in measures.items()}
    print(json.dumps({**means, "queries": len(measures["ndcg@10"]), "sentence-transformers": sentence_transformers.__version__, "torch": torch.__version__}))


main()
