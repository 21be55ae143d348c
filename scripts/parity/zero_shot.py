"""Writes tests/data/zero_shot/<case>/: tiny random classifiers of every architecture with a head, and what transformers' zero-shot pipeline
makes of them.

    python scripts/parity/zero_shot.py      (needs torch, transformers 5.23 and sentencepiece)

Each folder has config.json and model.safetensors with the keys that published models of that kind have, and case.json: the folder of
tests/data/tokenizers whose vocabulary it reads with, and for every question (labels, template, multi) the pipeline's scores in the order of the
labels, and the labels in the pipeline's order. The vocabulary is that of tests/data/tokenizers, so that folders are complete only together
with it; `modernbert`, whose models come with a tokenizer.json, has its own.

`by_name` holds the scores where contradiction is found by its name. The pipeline finds it by its place (first, or last where entailment is first);
the two differ only where names and places disagree, which is the case `other-order`.

`bart` also has expected.safetensors: logits, loss and gradients for a batch of token ids, as scripts/parity/encoders.py writes them for encoders.
"""
import inspect
import json
import pathlib
import shutil
import tempfile

import torch
import transformers
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"
OUT, TOKENIZERS = ROOT / "zero_shot", ROOT / "tokenizers"
MAX_TOKENS = 40
TEXTS = [
    "The ferry leaves the harbour at seven, and the last bus waits for nobody.",
    "A quiet engine, good brakes and a fair price: we would buy it again!",
    "late",
    "Le café de la gare ferme à dix heures, même l'été; où dîner après? Der Zug nach Köln fährt über Würzburg, die Straße ist gesperrt. "
    "She returned the printer because the paper tray broke on the second day. The committee postponed the vote.",
    "東京の天気は今日も晴れです。",
]
LABELS = ["the harbour", "cars", "food", "weather in the town"]
QUESTIONS = [
    dict(labels=LABELS, template="This example is {}.", multi=False),
    dict(labels=LABELS, template="This text is about {}, not?", multi=True),
    dict(labels=LABELS[:1], template="This example is {}.", multi=False),
    dict(labels=LABELS[1:3], template="{}", multi=False),
]
CNE, CEN, ENC = ["contradiction", "neutral", "entailment"], ["contradiction", "entailment", "neutral"], ["entailment", "neutral", "contradiction"]
SIZES = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12)
DEBERTA = dict(SIZES, relative_attention=True, max_relative_positions=-1, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True, type_vocab_size=0,
               pos_att_type=["p2c", "c2p"], position_biased_input=False, max_position_embeddings=MAX_TOKENS, layer_norm_eps=1e-7, pooler_hidden_size=8,
               pooler_hidden_act="gelu", pooler_dropout=0)
BART = dict(d_model=8, encoder_layers=2, decoder_layers=3, encoder_attention_heads=2, decoder_attention_heads=4, encoder_ffn_dim=12, decoder_ffn_dim=10,
            max_position_embeddings=MAX_TOKENS)
# name: (configuration, its sizes, classes, tokenizer)
CASES = {
    "bert": (transformers.BertConfig, dict(SIZES, max_position_embeddings=MAX_TOKENS), CNE, "bert"),
    "roberta": (transformers.RobertaConfig, dict(SIZES, max_position_embeddings=MAX_TOKENS + 2, type_vocab_size=1, layer_norm_eps=1e-5), CEN, "roberta"),
    "xlm-roberta": (transformers.XLMRobertaConfig, dict(SIZES, max_position_embeddings=MAX_TOKENS + 2, type_vocab_size=1, layer_norm_eps=1e-5), CNE, "xlm_roberta"),
    "distilbert": (transformers.DistilBertConfig, dict(dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=MAX_TOKENS), ["ENTAILMENT", "NOT_ENTAILMENT"], "distilbert"),
    "deberta-v2": (transformers.DebertaV2Config, dict(DEBERTA, share_att_key=False, norm_rel_ebd="none", position_buckets=-1, max_relative_positions=12,
                                                      position_biased_input=True, type_vocab_size=2), ["Contradiction", "Neutral", "Entailment"], "deberta_v2"),
    "deberta-v3": (transformers.DebertaV2Config, DEBERTA, CEN, "deberta_v2"),
    "deberta-v3-two": (transformers.DebertaV2Config, DEBERTA, ["entailment", "not_entailment"], "deberta_v2"),
    "mdeberta": (transformers.DebertaV2Config, DEBERTA, ENC, "deberta_v2"),
    "modernbert": (transformers.ModernBertConfig, dict(SIZES, max_position_embeddings=64, local_attention=8, global_attn_every_n_layers=2, classifier_pooling="mean",
                                                       pad_token_id=1, bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2), ENC, "roberta"),
    "bart": (transformers.BartConfig, BART, CNE, "roberta"),
    "bart-scaled": (transformers.BartConfig, dict(BART, scale_embedding=True, activation_function="relu"), ["not_entailment", "entailment"], "roberta"),
    "other-order": (transformers.BertConfig, dict(SIZES, max_position_embeddings=MAX_TOKENS), ["neutral", "entailment", "contradiction"], "bert"),
}


def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            norm = "norm" in name.lower() and name.endswith("weight") and parameter.dim() == 1
            # A wide last layer, so that labels come out apart.
            scale = 3.0 if name in ("classifier.weight", "classifier.out_proj.weight", "classification_head.out_proj.weight") else 0.7
            parameter.copy_(1 + 0.1 * noise if norm else scale * noise)


def centre(model, logits):
    """Moves the last biases so that no class wins everywhere."""
    last = getattr(model, "classification_head", getattr(model, "classifier", None))
    last = getattr(last, "out_proj", last)
    with torch.no_grad():
        last.bias -= logits.reshape(-1, logits.shape[-1]).mean(0)


def tokenizer_of(family, model_type, folder):
    """The tokenizer of a family as a model of `model_type` would find it in its own folder."""
    with tempfile.TemporaryDirectory() as made:
        made = pathlib.Path(made)
        for file in (TOKENIZERS / family).iterdir():
            if file.name not in ("expected.json", "config.json"):
                shutil.copy(file, made)
        (made / "config.json").write_text(json.dumps({"model_type": "roberta" if model_type == "modernbert" else model_type}))
        tokenizer = transformers.AutoTokenizer.from_pretrained(made)
        tokenizer.model_max_length = MAX_TOKENS
        if model_type == "modernbert":
            tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
        return tokenizer


def by_name(logits, classes, multi):
    lower = [name.lower() for name in classes]
    entailment = next(i for i, name in enumerate(lower) if name.startswith("entail"))
    others = [i for i, name in enumerate(lower) if name.startswith("contra")] or [1 - entailment]
    if multi or logits.shape[1] == 1:
        return torch.softmax(logits[..., [others[0], entailment]], dim=-1)[..., 1]
    return torch.softmax(logits[..., entailment], dim=-1)


def logits_of(model, tokenizer, question):
    rows = []
    for text in TEXTS:
        pairs = [(text, question["template"].format(label)) for label in question["labels"]]
        made = [tokenizer(*pair, truncation="only_first", return_tensors="pt") for pair in pairs]
        names = set(inspect.signature(model.forward).parameters)
        with torch.no_grad():
            rows.append(torch.cat([model(**{key: value for key, value in inputs.items() if key in names}).logits for inputs in made]))
    return torch.stack(rows)


def questions(model, tokenizer, classes):
    pipeline = transformers.pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
    for question in QUESTIONS:
        answers = pipeline(TEXTS, question["labels"], hypothesis_template=question["template"], multi_label=question["multi"])
        scores = [[answer["scores"][answer["labels"].index(label)] for label in question["labels"]] for answer in answers]
        named = by_name(logits_of(model, tokenizer, question), classes, question["multi"])
        yield dict(question, scores=scores, ranked=[answer["labels"] for answer in answers], by_name=named.tolist())


def bart_expectations(model, config, seed):
    """Logits, loss and gradients for batches of ids, each ending with the end-of-text token."""
    generator = torch.Generator().manual_seed(seed)
    batch = [torch.randint(4, config.vocab_size, (n - 1,), generator=generator).tolist() + [config.eos_token_id] for n in (1, 2, 7, MAX_TOKENS, 13)]
    width = max(map(len, batch))
    ids = torch.tensor([row + [config.pad_token_id] * (width - len(row)) for row in batch])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
    logits = model(input_ids=ids, attention_mask=mask).logits
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([i % config.num_labels for i in range(len(batch))]))
    loss.backward()
    out = {"logits": logits.detach(), "loss": loss.detach().reshape(1)}
    out.update({"logits/" + name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None})
    model.zero_grad(set_to_none=True)
    return batch, out


def write(name, kind, sizes, classes, family, seed):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = tokenizer_of(family, kind.model_type, folder)
    config = kind(**sizes, vocab_size=len(tokenizer), id2label=dict(enumerate(classes)), label2id={label: i for i, label in enumerate(classes)})
    model = transformers.AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    randomize(model, seed)
    centre(model, logits_of(model, tokenizer, QUESTIONS[1]))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    case = {"made_with": f"transformers {transformers.__version__}", "tokenizer": family, "max_tokens": MAX_TOKENS, "texts": TEXTS}
    case["questions"] = list(questions(model, tokenizer, classes))
    if name == "bart":
        case["ids"], tensors = bart_expectations(model, config, seed + 100)
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "expected.safetensors")
    (folder / "case.json").write_text(json.dumps(case, ensure_ascii=False) + "\n")
    for question in case["questions"]:
        apart = max(abs(a - b) for row, named in zip(question["scores"], question["by_name"]) for a, b in zip(row, named))
        print(f"{name:16} multi={question['multi']!s:5} {[round(score, 3) for score in question['scores'][0]]}, by name {apart:.1e} apart")


for number, (case, (kind, sizes, classes, family)) in enumerate(CASES.items()):
    write(case, kind, sizes, classes, family, number)
