"""Writes tests/data/encoders/<name>/: tiny random checkpoints of every architecture, and what transformers makes of them.

    python scripts/parity/encoders.py [OUT_DIR]      (needs torch and transformers)

Each folder has config.json, model.safetensors (an encoder with its classification head), tokenizer.json and case.json; expected.safetensors
holds, for a padded batch of texts of different lengths (one token, the longest possible): the last hidden state of every real
token, the logits, and the gradient of two losses for every parameter that has one:
  states: sum over real tokens of state * direction, where direction[i] = ((i * 7 % 11) - 5) / 10 over the flattened states
  logits: cross-entropy of the logits against classes 0, 1, 2, 0, ... averaged over the texts
Only gradients of the first loss for the encoder and of the second for the head and the encoder are written.
Dropout is off. Weights are drawn from a fixed seed, wide enough that every part of the model matters.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "tests/data/encoders")
VOCAB, HIDDEN, HEADS, LAYERS, INNER, CLASSES = 48, 32, 4, 2, 40, 3
BERT = dict(vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=INNER, num_labels=CLASSES)
DEBERTA = dict(BERT, type_vocab_size=0, relative_attention=True, max_relative_positions=-1, position_biased_input=False, pos_att_type=["p2c", "c2p"],
               norm_rel_ebd="layer_norm", position_buckets=8, share_att_key=True, max_position_embeddings=40, layer_norm_eps=1e-7,
               pooler_hidden_size=HIDDEN, pooler_hidden_act="gelu", pooler_dropout=0, conv_kernel_size=0)

# name: (configuration, longest text)
CASES = {
    "bert": (transformers.BertConfig(**BERT, max_position_embeddings=40), 40),
    "roberta": (transformers.RobertaConfig(**BERT, max_position_embeddings=42, type_vocab_size=1), 40),
    "xlm-roberta": (transformers.XLMRobertaConfig(**BERT, max_position_embeddings=42, type_vocab_size=1, hidden_act="relu"), 40),
    "camembert": (transformers.CamembertConfig(**BERT, max_position_embeddings=42, type_vocab_size=1), 40),
    "distilbert": (transformers.DistilBertConfig(vocab_size=VOCAB, dim=HIDDEN, n_layers=LAYERS, n_heads=HEADS, hidden_dim=INNER, num_labels=CLASSES, max_position_embeddings=40), 40),
    "mpnet": (transformers.MPNetConfig(**BERT, max_position_embeddings=42, hidden_act="gelu_new"), 40),
    "deberta-v2": (transformers.DebertaV2Config(**dict(DEBERTA, share_att_key=False, position_biased_input=True, norm_rel_ebd="none", position_buckets=-1,
                                                       type_vocab_size=2, max_relative_positions=12, embedding_size=24)), 40),
    "deberta-v3": (transformers.DebertaV2Config(**DEBERTA), 40),
    "modernbert": (transformers.ModernBertConfig(**BERT, max_position_embeddings=48, local_attention=8, pad_token_id=1, bos_token_id=0, eos_token_id=2,
                                                 cls_token_id=0, sep_token_id=2, classifier_pooling="mean"), 48),
}


def tokenizer(longest):
    """A word tokenizer that only has to be there: the cases are given as ids."""
    words = ["<s>", "<pad>", "</s>", "<unk>"] + [f"w{i}" for i in range(VOCAB - 4)]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return made


def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            norm = ("norm" in name.lower()) and name.endswith("weight") and parameter.dim() == 1
            parameter.copy_(1 + 0.1 * noise if norm else 0.25 * noise)


def texts(longest, seed):
    generator = torch.Generator().manual_seed(seed)
    lengths = [1, 2, 7, longest, 13]
    return [torch.randint(4, VOCAB, (n,), generator=generator).tolist() for n in lengths]


def write(name, config, longest, seed):
    # Dropout is off; probabilities in the file stay what they are.
    model = transformers.AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    randomize(model, seed)
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer(longest).save(str(folder / "tokenizer.json"))

    batch = texts(longest, seed + 100)
    width, pad = max(map(len, batch)), config.pad_token_id
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in batch])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
    body = getattr(model, model.base_model_prefix)
    real = mask.bool()
    out = {}

    states = body(input_ids=ids, attention_mask=mask).last_hidden_state[real]
    direction = (((torch.arange(states.numel()) * 7) % 11 - 5) / 10).reshape(states.shape)
    out["states"] = states.detach()
    (states * direction).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter.grad is not None:
            out["states/" + parameter_name] = parameter.grad.clone()
    model.zero_grad(set_to_none=True)

    logits = model(input_ids=ids, attention_mask=mask).logits
    out["logits"] = logits.detach()
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([i % CLASSES for i in range(len(batch))]))
    out["loss"] = loss.detach().reshape(1)
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter.grad is not None:
            out["logits/" + parameter_name] = parameter.grad.clone()
    save_file({key: value.contiguous() for key, value in out.items()}, folder / "expected.safetensors")
    (folder / "case.json").write_text(json.dumps({"made_with": f"transformers {transformers.__version__}", "ids": batch}) + "\n")
    print(name, {key: tuple(value.shape) for key, value in out.items() if "/" not in key}, f"loss {loss.item():.4f}")


for number, (case, (configuration, longest)) in enumerate(CASES.items()):
    write(case, configuration, longest, number)
