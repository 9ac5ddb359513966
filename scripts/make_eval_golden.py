#!/usr/bin/env python3
"""Writes tests/golden/eval/: runs, judgments and what the reference tools make of them, query by query.

Runs are generated (no texts): ties, scores that differ beyond 32 bits alone, unjudged documents, negative grades, queries missing
on either side. Tools: trec_eval 9.0.8 as a program (its path is the first argument), ir_measures and ranx for what it lacks, on the run without ties.

    pip install pytrec_eval-terrier ir_measures ranx scipy
    python3 scripts/make_eval_golden.py path/to/trec_eval
"""
import json
import os
import random
import subprocess
import sys
import tempfile

import ir_measures
from ir_measures import Judged
import numpy as np
import pytrec_eval
import ranx
from scipy import stats

TREC_EVAL = sys.argv[1]
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(HERE, "tests", "golden", "eval")
CUTOFFS = [1, 3, 5, 10, 20, 100]
NAMES = {"P": "p", "recall": "recall", "success": "success", "ndcg_cut": "ndcg", "map_cut": "map"}


def qrels_of(rng, queries, documents):
    """Grades from -1 to 3; one query with nothing relevant, one that no run ranks."""
    qrels = {}
    for q in range(queries):
        judged = rng.sample(range(documents), rng.randint(3, 25))
        qrels["q%d" % q] = {"d%d" % d: rng.choice([-1, 0, 0, 1, 1, 2, 3]) for d in judged}
    qrels["q1"] = {d: 0 for d in qrels["q1"]}
    qrels["q2"]["d7"] = 1
    return qrels


def scores_for(kind, rng, n):
    if kind == "distinct":
        return rng.sample([i / 7 for i in range(10 * n)], n)
    if kind == "ties":
        return [rng.choice([0.5, 1.0, 1.5, 2.0]) for _ in range(n)]
    if kind == "constant":
        return [1.0] * n
    if kind == "nearTies":  # apart as doubles, in groups of equal 32-bit floats
        return [rng.choice([17.25, 3.1, 0.1]) + rng.randint(0, 9) * 1e-10 for _ in range(n)]
    if kind == "negative":
        return [-abs(rng.gauss(0, 3)) for _ in range(n)]
    raise ValueError(kind)


def run_of(kind, rng, qrels, documents, skip):
    run = {}
    for q, judged in qrels.items():
        if q in skip:
            continue
        n = rng.choice([1, 4, 30, 120])
        # Half of what is judged is retrieved, the rest are documents nobody judged.
        docs = rng.sample(sorted(judged), min(n, max(1, len(judged) // 2)))
        docs += ["d%d" % d for d in rng.sample(range(documents), n) if "d%d" % d not in docs][: n - len(docs)]
        rng.shuffle(docs)
        run[q] = dict(zip(docs, scores_for(kind, rng, len(docs))))
    run["extra"] = {"d1": 1.0}
    return run


def write_qrels(path, qrels):
    with open(path, "w") as f:
        for q, judged in qrels.items():
            for d, g in judged.items():
                f.write("%s 0 %s %d\n" % (q, d, g))


def write_run(path, run):
    with open(path, "w") as f:
        for q, docs in run.items():
            for rank, (d, s) in enumerate(sorted(docs.items(), key=lambda x: -x[1])):
                f.write("%s Q0 %s %d %r run\n" % (q, d, rank + 1, s))


def trec_eval(qrels, run, level, cut=None):
    measures = ["P.%s", "recall.%s", "success.%s", "ndcg_cut.%s", "map_cut.%s"]
    args = [TREC_EVAL, "-q", "-c", "-l", str(level), "-m", "map", "-m", "ndcg", "-m", "recip_rank", "-m", "Rprec"]
    for m in measures:
        args += ["-m", m % ",".join(map(str, CUTOFFS))]
    out = subprocess.run(args + (["-M", str(cut)] if cut else []) + [qrels, run], check=True, capture_output=True, text=True).stdout
    values = {}
    for line in out.splitlines():
        name, query, value = line.split()
        if name in ("map", "ndcg"):
            ours = name
        elif name == "recip_rank":
            ours = "mrr" if cut is None else "mrr@%d" % cut
        elif name == "Rprec":
            ours = "rprec"
        else:
            stem, k = name.rsplit("_", 1)
            if stem not in NAMES:
                continue
            ours = "%s@%s" % (NAMES[stem], k)
        values.setdefault(query, {})[ours] = float(value)
    return values


def main():
    os.makedirs(OUT, exist_ok=True)
    rng = random.Random(20260401)
    documents = 400
    cases = []
    for kind in ["distinct", "ties", "constant", "nearTies", "negative"]:
        qrels = qrels_of(rng, 12, documents)
        run = run_of(kind, rng, qrels, documents, skip={"q2"})
        with tempfile.TemporaryDirectory() as folder:
            q, r = os.path.join(folder, "qrels"), os.path.join(folder, "run")
            write_qrels(q, qrels)
            write_run(r, run)
            byLevel = {}
            for level in (1, 2):
                values = trec_eval(q, r, level)
                for k in CUTOFFS:  # recip_rank has no cut-off of its own: -M cuts the ranking
                    for query, of in trec_eval(q, r, level, k).items():
                        values[query]["mrr@%d" % k] = of["mrr@%d" % k]
                byLevel[str(level)] = values
        # trec_eval prints four digits; its measures to the last bit come from its wrapper, in the same order of ties.
        exact = {}
        iq = [ir_measures.Qrel(a, d, g) for a, of in qrels.items() for d, g in of.items()]
        ir = [ir_measures.ScoredDoc(a, d, s) for a, of in run.items() for d, s in of.items()]
        if kind == "distinct":
            for k in (5, 10):
                for m in ir_measures.iter_calc([Judged @ k], iq, ir):
                    exact.setdefault(m.query_id, {})["judged@%d" % k] = m.value
                # ranx gives negative grades negative gains; trec_eval's rule, which is ours for both gains, is none.
                clipped = {a: {d: max(0, g) for d, g in of.items()} for a, of in qrels.items() if a in run}
                rq = ranx.Qrels(clipped)
                rr = ranx.Run({a: run[a] for a in clipped})
                ranx.evaluate(rq, rr, "ndcg_burges@%d" % k)
                for query, value in rr.scores["ndcg_burges@%d" % k].items():
                    exact.setdefault(query, {})["ndcgExp@%d" % k] = float(value)
        pe = {}
        for level in (1, 2):
            wanted = {"map", "ndcg", "recip_rank", "Rprec"} | {"%s.%s" % (m, ",".join(map(str, CUTOFFS))) for m in ["P", "recall", "success", "ndcg_cut", "map_cut"]}
            ev = pytrec_eval.RelevanceEvaluator(qrels, wanted, relevance_level=level)
            out = {}
            for query, of in ev.evaluate(run).items():
                out[query] = {}
                for name, value in of.items():
                    if name in ("map", "ndcg"):
                        out[query][name] = value
                    elif name == "recip_rank":
                        out[query]["mrr"] = value
                    elif name == "Rprec":
                        out[query]["rprec"] = value
                    else:
                        stem, k = name.rsplit("_", 1)
                        out[query]["%s@%s" % (NAMES[stem], k)] = value
            pe[str(level)] = out
        cases.append({"name": kind, "qrels": qrels, "run": run, "trecEval": byLevel, "wrapper": pe, "others": exact})
    with open(os.path.join(OUT, "runs.json"), "w") as f:
        json.dump({"maker": "scripts/make_eval_golden.py", "cutoffs": CUTOFFS, "cases": cases}, f, separators=(",", ":"))
        f.write("\n")

    # Significance: scipy's paired t-test and t distribution.
    nrng = np.random.default_rng(7)
    tests = []
    for n in (5, 30, 200):
        a, b = nrng.random(n).round(4), nrng.random(n).round(4)
        found = stats.ttest_rel(a, b)
        low, high = found.confidence_interval(0.95)
        tests.append({"a": a.tolist(), "b": b.tolist(), "t": found.statistic, "p": found.pvalue, "low": low, "high": high})
    cdf = [{"t": t, "freedom": f, "p": 2 * stats.t.sf(abs(t), f)} for t in (0.1, 1, 2.5, 8, 40) for f in (1, 2, 9, 100, 5000)]
    with open(os.path.join(OUT, "significance.json"), "w") as f:
        json.dump({"maker": "scripts/make_eval_golden.py", "ttests": tests, "tDistribution": cdf}, f, indent=1)
        f.write("\n")


main()
