"""Writes the fixtures of the weight file tests: one tiny random BERT in every layout that is read, and a torch file of odd tensors.

Usage: weights.py OUT_DIR      (needs torch and transformers; tests/data/weights is made by it, the seed is fixed)
  model/              config.json, vocab.txt, model.safetensors
  shards/             the same weights as shards of safetensors with their index
  torch/              pytorch_model.bin, the zip that torch.save writes
  torch-old/          pytorch_model.bin, the layout torch wrote before 1.6
  torch-shards/       shards of torch files with their index
  odd/odd.bin         views, other types and numbers that are shared; odd.json says what is in it
"""
import json
import pathlib
import shutil
import sys
from collections import OrderedDict

import torch
from transformers import BertConfig, BertModel

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the a cat dog bird runs sleeps eats red blue good bad price market goal match query topic : , ##s ##ing".split()


def write_model(out):
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=8,
        max_position_embeddings=24, type_vocab_size=2,
    )
    torch.manual_seed(7)
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(out / "model")
    (out / "model" / "vocab.txt").write_text("\n".join(SPECIAL + WORDS) + "\n", encoding="utf-8")
    return model


def write_torch_shards(state, folder):
    names = list(state)
    parts = [names[: len(names) // 2], names[len(names) // 2 :]]
    weight_map = {}
    for i, part in enumerate(parts, 1):
        file = f"pytorch_model-{i:05}-of-{len(parts):05}.bin"
        torch.save(OrderedDict((name, state[name]) for name in part), folder / file)
        weight_map |= {name: file for name in part}
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")


def write_odd(folder):
    base = torch.arange(24, dtype=torch.float32)
    tensors = OrderedDict(
        whole=base.reshape(2, 3, 4),
        transposed=base.reshape(4, 6).t(),
        permuted=base.reshape(2, 3, 4).permute(1, 2, 0),
        every_other=base[1::2],
        column=base.reshape(4, 6)[:, 2],
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        half=torch.tensor([0.5, -1.25, 65504.0], dtype=torch.float16),
        brain=torch.tensor([0.5, -1.25, 3.0e38], dtype=torch.bfloat16),
        double=torch.tensor([0.1, -2.0, 1.0e-40], dtype=torch.float64),
        parameter=torch.nn.Parameter(torch.tensor([1.0, 2.0])),
        shared=base,
    )
    expected = {name: {"shape": list(t.shape), "data": t.detach().float().flatten().tolist()} for name, t in tensors.items()}
    (folder / "odd.json").write_text(json.dumps(expected) + "\n")
    state = OrderedDict(tensors, ids=torch.arange(5), flags=torch.tensor([True, False]), epoch=3)
    torch.save(state, folder / "odd.bin")


def main():
    out = pathlib.Path(sys.argv[1])
    if out.exists():
        shutil.rmtree(out)
    for name in ["model", "shards", "torch", "torch-old", "torch-shards", "odd"]:
        (out / name).mkdir(parents=True)
    model = write_model(out)
    state = model.state_dict()
    model.save_pretrained(out / "shards", max_shard_size="20KB")
    (out / "shards" / "config.json").unlink()
    torch.save(state, out / "torch" / "pytorch_model.bin")
    torch.save(state, out / "torch-old" / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    write_torch_shards(state, out / "torch-shards")
    write_odd(out / "odd")
    print(sum(file.stat().st_size for file in out.rglob("*") if file.is_file()), "bytes")


main()
