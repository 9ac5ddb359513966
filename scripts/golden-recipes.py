"""Makes tests/golden/recipe_steps.json: of each recipe's step on a tiny BERT the loss and every gradient, in double precision.

Written from the papers' formulas and nothing of simans: sequences are computed one by one, so that nothing is padded or masked, and a query's own passages
are gathered where simans blocks the others. pip install torch numpy; python scripts/golden-recipes.py
"""
import json
import math
import pathlib

import numpy
import torch

FILE = pathlib.Path(__file__).parent.parent / "tests/golden/recipe_steps.json"
LAYERS, WIDTH, HEADS, INNER, VOCABULARY, POSITIONS, OUT = 2, 8, 2, 12, 24, 18, 6
EPSILON, NORM_EPSILON = 1e-12, 1e-5  # BERT's, and that of ANCE's norm behind the projection
QUERIES, GROUP = 4, 4  # a query's passages: its positive, then three negatives
RANDOM = numpy.random.default_rng(8)


def made(**shapes):
    """Random weights of three decimals: of the size that lets every part have its say."""
    def one(name, shape):
        noise = RANDOM.standard_normal(shape)
        return numpy.round(1 + 0.2 * noise if name.endswith("LayerNorm.weight") else 0.4 * noise, 3).astype(numpy.float32)
    return {name: one(name, shape) for name, shape in shapes.items()}


def dense(name, out, into):
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def tower():
    shapes = {f"embeddings.{name}_embeddings.weight": (rows, WIDTH)
              for name, rows in [("word", VOCABULARY), ("position", POSITIONS), ("token_type", 2)]} | norm("embeddings.LayerNorm", WIDTH)
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        for part in ["query", "key", "value"]:
            shapes |= dense(f"{at}attention.self.{part}", WIDTH, WIDTH)
        shapes |= dense(f"{at}attention.output.dense", WIDTH, WIDTH) | norm(f"{at}attention.output.LayerNorm", WIDTH)
        shapes |= dense(f"{at}intermediate.dense", INNER, WIDTH) | dense(f"{at}output.dense", WIDTH, INNER) | norm(f"{at}output.LayerNorm", WIDTH)
    return made(**shapes)


def affine(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def normed(w, name, x, epsilon=EPSILON):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred ** 2).mean(-1, keepdim=True) + epsilon) * w[f"{name}.weight"] + w[f"{name}.bias"]


def states(w, ids, second=None):
    """The last layer's vectors [T, WIDTH] of one sequence; tokens from `second` are of type 1."""
    T = len(ids)
    types = [int(second is not None and i >= second) for i in range(T)]
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:T] + w["embeddings.token_type_embeddings.weight"][types]
    x = normed(w, "embeddings.LayerNorm", x)
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        query, key, value = (affine(w, f"{at}attention.self.{part}", x).reshape(T, HEADS, -1).transpose(0, 1) for part in ["query", "key", "value"])
        context = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(WIDTH // HEADS), -1) @ value
        x = normed(w, f"{at}attention.output.LayerNorm", x + affine(w, f"{at}attention.output.dense", context.transpose(0, 1).reshape(T, WIDTH)))
        inner = affine(w, f"{at}intermediate.dense", x)
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        x = normed(w, f"{at}output.LayerNorm", x + affine(w, f"{at}output.dense", inner))
    return x


def tokens(length):
    return [2, *(int(id) for id in RANDOM.integers(5, VOCABULARY, length - 2)), 3]


TOWERS = {"query": tower(), "passage": tower()}
PROJECTION = made(**dense("projection.dense", OUT, WIDTH), **norm("projection.LayerNorm", OUT))
RANKER = tower() | made(**dense("head.dense", WIDTH, WIDTH), **dense("head.out", 1, WIDTH))
QUERY_TOKENS = [tokens(length) for length in [4, 7, 5, 3]]
PASSAGE_TOKENS = [tokens(length) for length in [6, 3, 9, 8, 5, 10, 4, 7, 8, 6, 3, 9, 5, 7, 10, 4]]


def pair_score(w, query, passage):
    first = states(w, QUERY_TOKENS[query] + PASSAGE_TOKENS[passage][1:], len(QUERY_TOKENS[query]))[0]
    return affine(w, "head.out", torch.tanh(affine(w, "head.dense", first)))[0]


def trainable(weights):
    return {name: torch.tensor(values, dtype=torch.float64, requires_grad=True) for name, values in weights.items()}


def short(values):
    return [float(f"{value:.6g}") for value in numpy.asarray(values, dtype=numpy.float64).reshape(-1)]


def finished(step, w, loss):
    loss.backward()
    gradient = {name: short(numpy.zeros(value.shape) if value.grad is None else value.grad) for name, value in w.items()}
    return {**step, "loss": loss.item(), "gradient": gradient}


def ranker_scores():
    with torch.no_grad():
        w = trainable(RANKER)
        return torch.stack([torch.stack([pair_score(w, q, GROUP * q + j) for j in range(GROUP)]) for q in range(QUERIES)])  # [QUERIES, GROUP]


def ranker_step(form, negatives):
    w = trainable(RANKER)
    scores = torch.stack([torch.stack([pair_score(w, q, GROUP * q + j) for j in range(1 + negatives)]) for q in range(QUERIES)])
    if form == "listwise":
        loss = torch.nn.functional.cross_entropy(scores, torch.zeros(QUERIES, dtype=torch.long))
    else:
        labels = torch.zeros_like(scores)
        labels[:, 0] = 1
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels)
    pairs = [[q, GROUP * q + j] for q in range(QUERIES) for j in range(1 + negatives)]
    return finished({"ranker": form, "group": 1 + negatives, "pairs": pairs}, w, loss)


def retriever_step(loss, negatives, of, towers="shared", pooling="cls", temperature=None, projection=False, blocked=None, replicas=1):
    """`loss`: simans' name of it. `of`: the loss, from logits [QUERIES, P] if `blocked` is given (all others compete), else from the own groups' [QUERIES, 1 + negatives]."""
    names = ["query", "passage"] if towers == "separate" else ["query"]
    own = [TOWERS[name] | (PROJECTION if projection else {}) for name in names]
    weights = [trainable(one) for one in own]

    def vector(w, ids):
        x = states(w, ids)
        x = x[0] if pooling == "cls" else x.mean(0)
        if projection:
            x = normed(w, "projection.LayerNorm", affine(w, "projection.dense", x), NORM_EPSILON)
        return x / torch.linalg.norm(x) if temperature else x

    passages = [GROUP * q + j for q in range(QUERIES) for j in range(1 + negatives)]
    q = torch.stack([vector(weights[0], ids) for ids in QUERY_TOKENS])
    p = torch.stack([vector(weights[-1], PASSAGE_TOKENS[row]) for row in passages])
    logits = q @ p.T / (temperature or 1)
    positives = [(1 + negatives) * i for i in range(QUERIES)]
    if blocked is None:
        competes = [[column // (1 + negatives) == i for column in range(len(passages))] for i in range(QUERIES)]
        value = of(torch.stack([logits[i, positives[i]:positives[i] + 1 + negatives] for i in range(QUERIES)]))
    else:
        competes = [[(i, column) not in blocked for column in range(len(passages))] for i in range(QUERIES)]
        value = of([torch.cat([logits[i, positives[i]:positives[i] + 1], *(logits[i, c:c + 1] for c in range(len(passages)) if competes[i][c] and c != positives[i])])
                    for i in range(QUERIES)])
    step = {"lossConfig": loss, "towers": towers, "pooling": pooling, "temperature": temperature, "projection": projection, "replicas": replicas, "passages": passages,
            "positives": positives, "competes": [[int(one) for one in row] for row in competes]}
    named = weights[0] if towers == "shared" else {f"{name}.{key}": value for name, w in zip(names, weights) for key, value in w.items()}
    return finished(step, named, value)


def softmax_loss(rows):
    """−log of the positive's share, the positive first in each row."""
    return torch.stack([torch.logsumexp(row, 0) - row[0] for row in rows]).mean()


def divergence(s, ranker):
    target = torch.softmax(ranker, -1)
    return (target * (torch.log(target) - torch.log_softmax(s, -1))).sum(-1).mean()


def adversary(s, ranker):
    return (torch.softmax(s, -1) * torch.log(torch.sigmoid(ranker[:, :1] - ranker))).sum(-1).mean()


def steps():
    ranker = ranker_scores()
    gaps = lambda x: x[:, :1] - x[:, 1:]
    distillation = lambda adversarial: {"kind": "distillation", "temperature": 1, "adversarial": adversarial}
    target = torch.softmax(ranker, -1)
    entropy = -(target * torch.log(target)).sum(-1).mean().item()
    bce = lambda s: (-torch.log_softmax(s, -1)[:, 0] - torch.log(1 - torch.softmax(s, -1)[:, 1:]).sum(-1)).mean()
    yield "contrastive", retriever_step({"kind": "softmax"}, 0, softmax_loss, pooling="mean", temperature=0.2, blocked=[(2, 3)])
    yield "dpr", retriever_step({"kind": "softmax"}, 1, softmax_loss, towers="separate", blocked=[])
    yield "ance", retriever_step({"kind": "softmax"}, 1, softmax_loss, projection=True)
    yield "rocketqa", retriever_step({"kind": "softmax"}, 1, softmax_loss, towers="separate", blocked=[(0, 2), (3, 1)], replicas=2)
    yield "rocketqa, ranker", ranker_step("pointwise", 2)
    yield "ar2, ranker", ranker_step("listwise", 3)
    yield "ar2", retriever_step(distillation(0), 3, lambda s: divergence(s, ranker))
    yield "ar2 with its adversary", retriever_step(distillation(0.5), 3, lambda s: 0.5 * divergence(s, ranker) + 0.5 * adversary(s, ranker))
    # SimANS on NQ: the cross-entropy to the ranker's distribution, which is the divergence and a constant, the distribution's entropy.
    cross_entropy = lambda s: -(target * torch.log_softmax(s, -1)).sum(-1).mean()
    yield "simans on NQ", {**retriever_step(distillation(0), 3, cross_entropy, towers="separate"), "constant": entropy}
    yield "bce", retriever_step({"kind": "bce"}, 3, bce)
    yield "pairwise", retriever_step({"kind": "pairwise"}, 3, lambda s: torch.log(1 + torch.exp(-gaps(s))).mean())
    yield "marginMse", retriever_step({"kind": "marginMse"}, 3, lambda s: ((gaps(s) - gaps(ranker)) ** 2).mean())


def main():
    plain = lambda weights: {name: {"shape": list(values.shape), "values": [round(float(value), 3) for value in values.reshape(-1)]}
                             for name, values in weights.items()}
    golden = {
        "torch": torch.__version__, "numpy": numpy.__version__,
        "shape": {"layers": LAYERS, "width": WIDTH, "heads": HEADS, "feedForward": INNER, "vocabulary": VOCABULARY, "positions": POSITIONS},
        "queries": QUERY_TOKENS, "passages": PASSAGE_TOKENS,
        "weights": {"query": plain(TOWERS["query"]), "passage": plain(TOWERS["passage"]), "projection": plain(PROJECTION), "ranker": plain(RANKER)},
        "rankerScores": short(ranker_scores()),  # of each query with its passages
        "steps": dict(steps()),
    }
    FILE.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{FILE.stat().st_size} bytes", {name: round(step["loss"], 4) for name, step in golden["steps"].items()})


main()
