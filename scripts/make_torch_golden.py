"""Makes tests/golden/torch/: small checkpoints in both of PyTorch's formats, and hostile pickles that torch.load would execute.

pip install torch numpy; python scripts/make_torch_golden.py
"""
import argparse
import collections
import json
import pathlib
import pickle
import shutil
import zipfile

import numpy
import torch

HERE = pathlib.Path(__file__).parent.parent / "tests/golden/torch"


def checkpoint():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8 - 1
    return {
        "model_dict": collections.OrderedDict([
            ("fp32", base.clone()),
            ("fp16", (base / 3).half()),
            ("bf16", (base * 5).bfloat16()),
            ("fp64", (base / 7).double()),
            ("int64", torch.tensor([[1, -2], [3, 40000]])),
            ("bool", torch.tensor([True, False])),
            ("transposed", base.t()),
            ("rows", base[1:3]),
            ("column", base[:, 4]),
            ("expanded", base[0, :2].expand(3, 2)),
            ("scalar", torch.tensor(2.5)),
            ("empty", torch.zeros(0, 4)),
            ("parameter", torch.nn.Parameter(base[:2].clone())),
        ]),
        "optimizer_dict": {"state": {0: {"exp_avg": torch.ones(3), "step": 7}}, "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.999)}]},
        "scheduler_dict": collections.defaultdict(list, {"last_epoch": 3}),
        "offset": 12,
        "epoch": None,
        "big": 2 ** 80,
        "arguments": argparse.Namespace(lr=1e-5),
        "encoder_params": {"seen": {1, 2}, "mean": numpy.float64(0.5), "text": "Größe 漢字", "array": numpy.arange(3)},
    }


class Call:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    made = checkpoint()
    torch.save(made, HERE / "zip.pt")
    torch.save(made, HERE / "legacy.bin", _use_new_zipfile_serialization=False)
    dense = {"linear.weight": torch.arange(40, dtype=torch.float32).reshape(5, 8) / 8, "linear.bias": torch.arange(5, dtype=torch.float32)}
    torch.save(dense, HERE / "dense.bin")
    torch.save(made["model_dict"], HERE / "state-dict.bin", pickle_protocol=4)
    expected = {name: {"shape": list(value.shape), "values": value.detach().double().reshape(-1).tolist()} for name, value in made["model_dict"].items()}
    (HERE / "expected.json").write_text(json.dumps(expected))
    import os
    hostile = {
        "system": Call(os.system, "touch executed-by-a-pickle"),
        "eval": Call(eval, "1+1"),
        "getattr": Call(getattr, Call(__import__, "os"), "system"),
        "nested": {"model_dict": {"weight": Call(torch.load, "x")}},
    }
    for name, value in hostile.items():
        for protocol in (0, 2, 4):
            data = pickle.dumps(value, protocol)
            with zipfile.ZipFile(HERE / f"hostile-{name}-{protocol}.pt", "w") as archive:
                archive.writestr(zipfile.ZipInfo("archive/data.pkl"), data)
                archive.writestr(zipfile.ZipInfo("archive/version"), "3\n")
    torch.save({"weight": torch.tensor([1.0, float("nan")])}, HERE / "nan.pt")


main()
