"""PyTorch's training step beside bench/step.mjs and bench/device.mjs: forward, backward and AdamW of transformers' BERT, eager, no dropout.

Arguments: a JSON file {layers, width, heads, feedForward, vocabulary, positions, temperature, specs, queries, passages, threads, device} and the file of the
parameters, float32, end to end as `specs` lists them ({name, shape}; key and value are one matrix there). Says its versions; then answers each line, where
MODE is fp32, tf32 or bf16 (autocast): `step MODE` -> seconds of forward and backward, seconds of AdamW; `encode MODE` -> seconds of the passages' vectors;
`limit MODE` -> FLOP/s of one large product; `gradient FILE INTO` -> the loss at the parameters of FILE, its gradient in INTO; `memory` -> bytes at most.
"""
import contextlib
import json
import resource
import sys
import time

import numpy as np
import torch
import transformers
from transformers import BertConfig, BertModel

settings = json.load(open(sys.argv[1]))
torch.set_num_threads(settings["threads"])
device = settings["device"]
if device == "cuda" and not torch.cuda.is_available():
    sys.exit("no CUDA device")
# Whether products of 32 bits may be made of TF32, and what autocast makes of them.
MODES = {"fp32": (False, None), "tf32": (True, None), "bf16": (False, torch.bfloat16)}


@contextlib.contextmanager
def mode(name):
    tf32, dtype = MODES[name]
    torch.backends.cuda.matmul.allow_tf32 = tf32
    with torch.autocast(device, dtype) if dtype else contextlib.nullcontext():
        yield


def seconds(work):
    """Of work that has ended on the device too."""
    begin = time.perf_counter()
    result = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin, result


def build(attention):
    config = BertConfig(
        vocab_size=settings["vocabulary"],
        hidden_size=settings["width"],
        num_hidden_layers=settings["layers"],
        num_attention_heads=settings["heads"],
        intermediate_size=settings["feedForward"],
        max_position_embeddings=settings["positions"],
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
        attn_implementation=attention,
    )
    return BertModel(config, add_pooling_layer=False).train().to(device)


def parts():
    """(slice of a spec's tensor, the model's name) for every spec in order."""
    for spec in settings["specs"]:
        name = spec["name"]
        if ".self.kv." in name:
            rows = spec["shape"][0] // 2
            yield spec, [(slice(0, rows), name.replace(".kv.", ".key.")), (slice(rows, None), name.replace(".kv.", ".value."))]
        else:
            yield spec, [(slice(None), name)]


def load(model, file):
    flat, at = np.fromfile(file, dtype=np.float32), 0
    state = {}
    for spec, pieces in parts():
        size = int(np.prod(spec["shape"]))
        tensor = torch.from_numpy(flat[at : at + size].reshape(spec["shape"]).copy())
        at += size
        for rows, name in pieces:
            state[name] = tensor[rows]
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)


def gradient(model):
    named = dict(model.named_parameters())
    pieces = []
    for spec, found in parts():
        grads = [named[name].grad if named[name].grad is not None else torch.zeros_like(named[name]) for _, name in found]
        pieces.append(torch.cat(grads).cpu().numpy().ravel())
    return np.concatenate(pieces)


def padded(rows):
    """To the longest, as transformers' collators do; 0 is padding."""
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)


queries, passages = (padded(settings[side]) for side in ("queries", "passages"))
together = queries.shape[1] == passages.shape[1]
target = torch.arange(len(queries), device=device)


def vectors(model, ids):
    return model(ids, attention_mask=(ids != 0).long()).last_hidden_state[:, 0]


def loss_of(model):
    if together:
        q, p = vectors(model, torch.cat([queries, passages])).split([len(queries), len(passages)])
    else:
        q, p = vectors(model, queries), vectors(model, passages)
    q, p = (torch.nn.functional.normalize(x, dim=-1) for x in (q, p))
    return torch.nn.functional.cross_entropy(q @ p.T / settings["temperature"], target)


def backward(model, name):
    with mode(name):
        loss = loss_of(model)
    loss.backward()


def step(model, optimizer, name):
    optimizer.zero_grad()
    return seconds(lambda: backward(model, name))[0], seconds(optimizer.step)[0]


def encode(model, name):
    with torch.no_grad(), mode(name):
        return vectors(model, passages).float().cpu()


def limit(name):
    size = 8192 if device == "cuda" else 1024
    with mode(name):
        a, b = (torch.randn(size, size, device=device) for _ in range(2))
        return 2 * size**3 / min(seconds(lambda: a @ b)[0] for _ in range(6))


def optimizer_of(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01)


# The faster of its two kinds of attention at this shape.
speeds = {}
for attention in ("eager", "sdpa"):
    model = build(attention)
    optimizer = optimizer_of(model)
    speeds[attention] = min(step(model, optimizer, "fp32")[0] for _ in range(4))
    del model, optimizer
best = min(speeds, key=speeds.get)
model = build(best)
load(model, sys.argv[2])
optimizer = optimizer_of(model)
where = f" on {torch.cuda.get_device_name()}" if device == "cuda" else ""
print(json.dumps({"version": f"PyTorch {torch.__version__}{where}, transformers {transformers.__version__}, {best} attention"}), flush=True)

for line in sys.stdin:
    words = line.split()
    if words[0] == "step":
        forward, update = step(model, optimizer, words[1])
        print(json.dumps({"gradient": forward, "update": update}), flush=True)
    elif words[0] == "encode":
        print(json.dumps({"seconds": seconds(lambda: encode(model, words[1]))[0]}), flush=True)
    elif words[0] == "limit":
        print(json.dumps({"flops": limit(words[1])}), flush=True)
    elif words[0] == "gradient":
        load(model, words[1])
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        gradient(model).tofile(words[2])
        print(json.dumps({"loss": loss.item()}), flush=True)
    elif device == "cuda":
        print(json.dumps({"bytes": torch.cuda.max_memory_allocated()}), flush=True)
    else:
        print(json.dumps({"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
