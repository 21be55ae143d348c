"""Flat, top-down and shared training on labels that form a tree, measured by what exported models answer.

    scripts/hierarchy.py DATA SET TRAIN METHOD SETTING…

DATA/SET holds train.jsonl and test.jsonl, one {"text", "label", "path"} a line. TRAIN is `full` (train.jsonl) or a few-shot split of
DATA/fewshot/SET, such as n8_seed0: its labels get their paths from train.jsonl, and 1,500 training texts stand beside them without labels. Each
SETTING is `option=value+option=value` and gives a row: coarse accuracy (the first level), path accuracy, leaf macro-F1, seconds of training, and
seconds of `handful predict` on the test texts, loading included, the best of three. Environment: HANDFUL (the program), EXTRA (more arguments of
`handful train`), SEED, TEST (at most so many test texts).
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time

HANDFUL = os.environ.get("HANDFUL", "target/release/handful")
PILE = 1500


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def handful(*arguments):
    done = subprocess.run([HANDFUL, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def f1(truth, answers, label):
    right = sum(t == label == a for t, a in zip(truth, answers))
    return 2 * right / max(1, truth.count(label) + answers.count(label))


def predicted(folder, test):
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        handful("predict", f"{folder}/model", test, "--out", f"{folder}/answers.jsonl")
        best = min(best, time.perf_counter() - start)
    return [row["path"] for row in rows(f"{folder}/answers.jsonl")], best


def project(folder, data, name, train):
    known = rows(f"{data}/{name}/train.jsonl")
    paths = {row["label"]: row["path"] for row in known}
    labelled = known if train == "full" else rows(f"{data}/fewshot/{name}/{train}.jsonl")
    labelled = [{"text": row["text"], "path": paths[row["label"]]} for row in labelled]
    test = rows(f"{data}/{name}/test.jsonl")[: int(os.environ.get("TEST", 10**9))]
    write(f"{folder}/train.jsonl", labelled)
    write(f"{folder}/test.jsonl", [{"text": row["text"]} for row in test])
    handful("new", f"{folder}/p.handful", "--task", "single-label")
    handful("import", f"{folder}/p.handful", f"{folder}/train.jsonl", "--split", "train")
    if train != "full":
        taken = {row["text"] for row in labelled}
        pile = [row["text"] for row in known if row["text"] not in taken]
        random.Random(7).shuffle(pile)
        write(f"{folder}/pile.jsonl", [{"text": text} for text in pile[:PILE]])
        handful("import", f"{folder}/p.handful", f"{folder}/pile.jsonl")
    return [row["path"] for row in test]


def main():
    data, name, train, method, *settings = sys.argv[1:]
    more = os.environ.get("EXTRA", "").split()
    with tempfile.TemporaryDirectory() as folder:
        truth = project(folder, data, name, train)
        for at, setting in enumerate(settings):
            options = [word for option in setting.split("+") if option for word in ("--set", option)]
            arguments = ["--method", method, "--seed", os.environ.get("SEED", "0"), "--json", *options, *more]
            run = json.loads(handful("train", f"{folder}/p.handful", *arguments))
            subprocess.run(["rm", "-rf", f"{folder}/model"], check=True)
            handful("export", f"{folder}/p.handful", "--run", str(at + 1), "--out", f"{folder}/model")
            answers, secs = predicted(folder, f"{folder}/test.jsonl")
            of = lambda right: sum(right(t, a) for t, a in zip(truth, answers)) / len(truth)
            ends = [" > ".join(path) for path in truth], [" > ".join(path) for path in answers]
            leaf = sum(f1(*ends, label) for label in set(ends[0])) / len(set(ends[0]))
            coarse, path = of(lambda t, a: t[:1] == a[:1]), of(lambda t, a: t == a)
            print(f"{name} {train} {method:8} {setting:40} coarse {coarse:.4f} path {path:.4f} leaf F1 {leaf:.4f}  train {run['train_secs']:6.1f} s  predict {secs:5.2f} s", flush=True)


main()
