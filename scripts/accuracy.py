"""Accuracy of a method on fixed few-shot splits, with a pile of unlabelled training texts beside them.

    scripts/accuracy.py DATA METHOD SET,SET N SETTING…

DATA holds SET/train.jsonl and fewshot/SET/{nN_seedS.jsonl,test.jsonl}, one {"text", "label"} a line. Each SETTING is `option=value+option=value`
and gives a row per set: mean and population deviation over the seeds there are, and the mean over sets. The pile is 1,500 texts of the training
file, drawn with a fixed seed, without their labels, and without any text of the split or the test file. Environment: HANDFUL (the program),
SEEDS (at most so many), EXTRA (more arguments of `handful train`), PILE_OF (the set whose texts make the pile, for piles that are off the topic).
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

HANDFUL = os.environ.get("HANDFUL", "target/release/handful")
PILE = 1500


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def handful(*arguments):
    done = subprocess.run([HANDFUL, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def pile(data, name, taken):
    texts = [row["text"] for row in rows(f"{data}/{name}/train.jsonl")]
    random.Random(7).shuffle(texts)
    return [text for text in texts[:2200] if text not in taken][:PILE]


def project(folder, data, name, split):
    splits = f"{data}/fewshot/{name}"
    taken = {row["text"] for file in (split, "test.jsonl") for row in rows(f"{splits}/{file}")}
    source = os.environ.get("PILE_OF", name)
    unlabelled = f"{folder}/pile.jsonl"
    with open(unlabelled, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in pile(data, source, taken))
    file = f"{folder}/p.handful"
    handful("new", file, "--task", "single-label")
    handful("import", file, f"{splits}/{split}", "--split", "train")
    handful("import", file, f"{splits}/test.jsonl", "--split", "test")
    handful("import", file, unlabelled)
    return file


def accuracy(data, method, name, split, seed, setting):
    with tempfile.TemporaryDirectory() as folder:
        file = project(folder, data, name, split)
        options = [word for option in setting.split("+") if option for word in ("--set", option)]
        more = os.environ.get("EXTRA", "").split()
        run = handful("train", file, "--method", method, "--seed", str(seed), "--json", *options, *more)
        shutil.rmtree(f"{folder}/p.handful-files", ignore_errors=True)
    run = json.loads(run)
    return run["metrics"]["accuracy"], run["train_secs"]


def main():
    data, method, names, n, *settings = sys.argv[1:]
    for setting in settings:
        means = []
        for name in names.split(","):
            splits = sorted(file for file in os.listdir(f"{data}/fewshot/{name}") if file.startswith(f"n{n}_seed"))
            splits = splits[: int(os.environ.get("SEEDS", len(splits)))]
            found = [accuracy(data, method, name, split, seed, setting) for seed, split in enumerate(splits)]
            figures = [figure for figure, _ in found]
            means.append(statistics.mean(figures))
            secs = statistics.median(secs for _, secs in found)
            each = " ".join(f"{figure:.3f}" for figure in figures)
            deviation = statistics.pstdev(figures)
            print(f"{name:16} n={n} {setting:24} {means[-1]:.4f} ± {deviation:.4f}  {secs:6.1f} s  {each}", flush=True)
        print(f"{'mean over sets':16} n={n} {setting:24} {statistics.mean(means):.4f}", flush=True)


if __name__ == "__main__":
    main()
