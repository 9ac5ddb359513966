"""Hugging Face's tokenizers (Rust) beside bench/tokenise.mjs, on one thread.

Arguments: tokenizer.json, a JSON list of texts, the longest sequence in tokens. Says its version; then answers each line INTO: the seconds of encoding
all texts; their ids, end to end, go to INTO as int32.
"""
import json
import sys
import time

import numpy as np
import tokenizers
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
tokenizer.no_padding()
tokenizer.enable_truncation(int(sys.argv[3]))
with open(sys.argv[2]) as source:
    texts = json.load(source)
tokenizer.encode_batch(texts[:100])
print(json.dumps({"version": f"tokenizers {tokenizers.__version__}"}), flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    encoded = tokenizer.encode_batch(texts)
    seconds = time.perf_counter() - begin
    np.concatenate([np.asarray(one.ids, dtype=np.int32) for one in encoded]).tofile(line.strip())
    print(json.dumps({"seconds": seconds}), flush=True)
