"""sentence-transformers' encoding beside bench/encode.mjs, in its batches of 32.

Arguments: the model's folder, threads. Says its versions; then answers each line FILE INTO: encodes the JSON list of FILE, writes the
vectors [texts, width] float32 to INTO, and says the seconds that the encoding took.
"""
import json
import sys
import time

import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer

torch.set_num_threads(int(sys.argv[2]))
model = SentenceTransformer(sys.argv[1], device="cpu")
print(json.dumps({"version": f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"}), flush=True)
for line in sys.stdin:
    file, into = line.split()
    with open(file) as source:
        texts = json.load(source)
    begin = time.perf_counter()
    vectors = model.encode(texts, batch_size=32, show_progress_bar=False)
    seconds = time.perf_counter() - begin
    vectors.astype("float32").tofile(into)
    print(json.dumps({"seconds": seconds}), flush=True)
