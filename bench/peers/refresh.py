"""A refresh as it is scripted with sentence-transformers and faiss, beside bench/refresh.mjs.

Arguments: the model's folder, threads. Says its versions; then answers each line FILE K INTO: reads the JSON {passages, queries}, encodes both, searches a
flat index for the K best of every query, and says the seconds of encoding and of searching; the ids [queries, K] go to INTO as int32.
"""
import json
import sys
import time

import faiss
import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer

threads = int(sys.argv[2])
torch.set_num_threads(threads)
faiss.omp_set_num_threads(threads)
model = SentenceTransformer(sys.argv[1], device="cpu")
model.encode(["warm"] * 64, show_progress_bar=False)
versions = f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}, faiss {faiss.__version__}"
print(json.dumps({"version": versions}), flush=True)
for line in sys.stdin:
    file, k, into = line.split()
    with open(file) as source:
        texts = json.load(source)
    begin = time.perf_counter()
    passages = model.encode(texts["passages"], batch_size=32, show_progress_bar=False)
    queries = model.encode(texts["queries"], batch_size=32, show_progress_bar=False)
    encoded = time.perf_counter()
    index = faiss.IndexFlatIP(passages.shape[1])
    index.add(passages)
    scores, ids = index.search(queries, int(k))
    ended = time.perf_counter()
    ids.astype("int32").tofile(into)
    print(json.dumps({"encoding": encoded - begin, "searching": ended - encoded}), flush=True)
