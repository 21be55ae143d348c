"""Writes the fixture of the prompt parity test: what sentence-transformers makes of texts with a prompt, for every pooling.

Usage: prompts.py MODEL_DIR OUT_FILE      (needs sentence-transformers; the tiny model is tests/data/weights/model)
       prompts.py --check FOLDER TEXT     (prints the embedding of TEXT by a folder as it is, to compare with `handful embed`)
"""
import json
import sys

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

PROMPT = "query topic: "
TEXTS = [
    "the cat sleeps", "", "a dog", "  dogs eating blue birds", "goal, match: a price", "unheard of things",
    "the cat runs and the dog sleeps and a bird eats red and blue and good and bad price goal match",
]
MODES = ["mean", "cls", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


def cases(folder):
    for mode in MODES:
        for include_prompt in [True, False]:
            transformer = Transformer(folder, max_seq_length=16)
            pooling = Pooling(transformer.get_embedding_dimension(), mode, include_prompt=include_prompt)
            model = SentenceTransformer(
                modules=[transformer, pooling], prompts={"query": "q: ", "sorting": PROMPT}, default_prompt_name="sorting", device="cpu",
            )
            with torch.no_grad():
                vectors = torch.cat([model.encode([text], convert_to_tensor=True) for text in TEXTS])
            yield {
                "pooling_mode": mode, "include_prompt": include_prompt,
                "vectors": [[float(f"{x:.8g}") for x in row] for row in vectors.tolist()],
            }


def main():
    if sys.argv[1] == "--check":
        model = SentenceTransformer(sys.argv[2], device="cpu")
        print(json.dumps({"default_prompt_name": model.default_prompt_name, "vector": model.encode(sys.argv[3]).tolist()}))
        return
    folder, out = sys.argv[1:]
    fixture = {"prompt": PROMPT, "max_seq_length": 16, "texts": TEXTS, "cases": list(cases(folder))}
    with open(out, "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(fixture) + "\n")


main()
