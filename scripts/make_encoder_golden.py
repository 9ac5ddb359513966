"""Makes tests/golden/encoders/: tiny random checkpoints of every architecture, with the outputs and gradients that PyTorch transformers gives.

pip install torch transformers safetensors onnx; python scripts/make_encoder_golden.py
"""
import json
import pathlib
import shutil

import torch
import transformers as hf
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent.parent / "tests/golden/encoders"
VOCABULARY, WIDTH, LAYERS, HEADS, INNER, POSITIONS = 40, 16, 2, 2, 32, 20
LENGTHS = [5, 9, 3, 7, 12, 4, 8, 2]  # four queries, then their passages
SIZES = dict(vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
             intermediate_size=INNER, max_position_embeddings=POSITIONS)


def models():
    yield "bert", hf.BertModel(hf.BertConfig(**SIZES), add_pooling_layer=True)
    yield "bert-gelu-new", hf.BertForMaskedLM(hf.BertConfig(**SIZES, hidden_act="gelu_new"))
    yield "ernie", hf.ErnieModel(hf.ErnieConfig(**SIZES, hidden_act="relu", use_task_id=True, task_type_vocab_size=3, type_vocab_size=4))
    yield "roberta", hf.RobertaModel(hf.RobertaConfig(**SIZES, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1))
    yield "xlm-roberta", hf.XLMRobertaForMaskedLM(hf.XLMRobertaConfig(**SIZES, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1))
    yield "distilbert", hf.DistilBertForMaskedLM(hf.DistilBertConfig(vocab_size=VOCABULARY, dim=WIDTH, n_layers=LAYERS, n_heads=HEADS,
                                                                     hidden_dim=INNER, max_position_embeddings=POSITIONS))
    yield "electra", hf.ElectraForPreTraining(hf.ElectraConfig(**SIZES, embedding_size=8))
    yield "dpr", hf.DPRQuestionEncoder(hf.DPRConfig(**SIZES))
    yield "dpr-projection", hf.DPRContextEncoder(hf.DPRConfig(**SIZES, projection_dim=6))


def randomise(model, generator):
    """Larger weights than a fresh model's, so that every part has its say."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data = 1 + 0.2 * noise if name.endswith("orm.weight") else 0.3 * noise


def bare(model):
    """The module whose forward gives all tokens' vectors, and the projection behind its [CLS]."""
    if isinstance(model, (hf.DPRQuestionEncoder, hf.DPRContextEncoder)):
        inner = model.question_encoder if isinstance(model, hf.DPRQuestionEncoder) else model.ctx_encoder
        return inner.bert_model, (inner.encode_proj if inner.projection_dim > 0 else None)
    return getattr(model, model.base_model_prefix, model), None


def pooled(states, mask, pooling):
    return states[:, 0] if pooling == "cls" else (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    for number, (name, model) in enumerate(models()):
        generator = torch.Generator().manual_seed(number)
        randomise(model, generator)
        model.eval()
        folder = HERE / name
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        pad = model.config.pad_token_id
        ids = torch.full((len(LENGTHS), max(LENGTHS)), pad)
        mask = torch.zeros_like(ids)
        for row, length in enumerate(LENGTHS):
            ids[row, :length] = torch.randint(4, VOCABULARY, (length,), generator=generator)
            mask[row, :length] = 1
        encoder, projection = bare(model)
        golden = {"ids": ids.int(), "lengths": torch.tensor(LENGTHS).int()}
        for pooling in ["cls", "mean"]:
            model.zero_grad()
            states = encoder(input_ids=ids, attention_mask=mask)[0]
            vectors = pooled(states, mask, pooling)
            vectors = projection(vectors) if projection is not None else vectors
            golden[pooling] = vectors.detach().contiguous()
            queries, passages = vectors[:4], vectors[4:]
            loss = torch.nn.functional.cross_entropy(queries @ passages.T, torch.arange(4))
            loss.backward()
            golden[f"loss.{pooling}"] = loss.detach().reshape(1)
            for parameter, value in model.named_parameters(remove_duplicate=False):
                if value.grad is not None:
                    golden[f"gradient.{pooling}.{parameter}"] = value.grad.clone()
        save_file(golden, str(folder / "golden.safetensors"))
    half_precision()
    cross_encoders()
    onnx_export()
    print(json.dumps({"torch": torch.__version__, "transformers": hf.__version__, "names": sorted(p.name for p in HERE.iterdir())}))


def onnx_export():
    """BERT again, as PyTorch's exporter writes it: matrices transposed and without names, equal tensors stored once."""
    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = hf.BertModel.from_pretrained(HERE / "bert", attn_implementation="eager").eval()

        def forward(self, ids, mask):
            return self.bert(input_ids=ids, attention_mask=mask)[0]

    folder = HERE / "bert-onnx"
    folder.mkdir()
    ids = torch.randint(4, VOCABULARY, (2, 7))
    torch.onnx.export(Wrapped(), (ids, torch.ones_like(ids)), str(folder / "model.onnx"), input_names=["input_ids", "attention_mask"],
                      dynamo=False, opset_version=17)
    shutil.copy(HERE / "bert/config.json", folder)
    kept = {name: tensor for name, tensor in load_file(HERE / "bert/golden.safetensors").items() if not name.startswith("gradient")}
    save_file(kept, str(folder / "golden.safetensors"))


def cross_encoders():
    """Rerankers: scores of pairs, and the gradient of the sum of their squares."""
    made = {
        "bert": hf.BertForSequenceClassification(hf.BertConfig(**SIZES, num_labels=1)),
        "roberta": hf.RobertaForSequenceClassification(hf.RobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=1, num_labels=1)),
        "distilbert": hf.DistilBertForSequenceClassification(hf.DistilBertConfig(
            vocab_size=VOCABULARY, dim=WIDTH, n_layers=LAYERS, n_heads=HEADS, hidden_dim=INNER, max_position_embeddings=POSITIONS, num_labels=1)),
        "electra": hf.ElectraForSequenceClassification(hf.ElectraConfig(**SIZES, embedding_size=8, num_labels=1)),
    }
    for number, (name, model) in enumerate(made.items()):
        generator = torch.Generator().manual_seed(100 + number)
        randomise(model, generator)
        model.eval()
        folder = HERE / f"{name}-reranker"
        model.save_pretrained(folder)
        lengths, seconds = [9, 6, 12], [4, 3, 8]
        ids = torch.full((3, 12), model.config.pad_token_id)
        mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, (length, second) in enumerate(zip(lengths, seconds)):
            ids[row, :length] = torch.randint(4, VOCABULARY, (length,), generator=generator)
            mask[row, :length] = 1
            types[row, second:length] = 1
        inputs = dict(input_ids=ids, attention_mask=mask, **({"token_type_ids": types} if name in ("bert", "electra") else {}))
        scores = model(**inputs).logits[:, 0]
        (scores ** 2).sum().backward()
        golden = {"ids": ids.int(), "lengths": torch.tensor(lengths).int(), "seconds": torch.tensor(seconds).int(), "scores": scores.detach().clone()}
        for parameter, value in model.named_parameters():
            if value.grad is not None:
                golden[f"gradient.{parameter}"] = value.grad.clone()
        save_file(golden, str(folder / "golden.safetensors"))


def half_precision():
    """BERT again, its weights rounded: one file of fp16, shards of bf16. The golden vectors are those of the rounded weights."""
    for name, dtype, shard in [("bert-fp16", torch.float16, "10GB"), ("bert-bf16-sharded", torch.bfloat16, "8KB")]:
        model = hf.BertModel.from_pretrained(HERE / "bert").to(dtype)
        model.save_pretrained(HERE / name, max_shard_size=shard)
        model = model.float().eval()
        ids = torch.tensor([[5, 6, 7, 8, 9]])
        states = model(input_ids=ids)[0]
        save_file({"ids": ids.int(), "lengths": torch.tensor([5]).int(), "cls": states[:, 0].detach().contiguous(),
                   "mean": states.mean(1).detach()}, str(HERE / name / "golden.safetensors"))


main()
