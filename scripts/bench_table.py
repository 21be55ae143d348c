"""Prints the table of scripts/bench_peers.sh from the figures it kept. Usage: bench_table.py FIGURES.jsonl"""
import collections
import json
import statistics
import sys

figures = collections.defaultdict(list)
for line in open(sys.argv[1], encoding="utf-8"):
    row = json.loads(line)
    figures[row["what"]].append(row["result"])


def middle(what, value):
    values = [value(result) for result in figures[what]]
    return statistics.median(values) if values else float("nan")


def seconds(result):
    return result.get("train_s") or result.get("train_secs")


def accuracy(what):
    values = [result["accuracy"] if "accuracy" in result else result["metrics"]["accuracy"] for result in figures[what]]
    return f"{statistics.mean(values):.4f} ± {statistics.pstdev(values):.4f}" if values else "–"


def peak(what):
    return max((result["peak_mb"] for result in figures[what]), default=float("nan"))


def row(title, peer, ours, unit, better_low):
    ratio = peer / ours if better_low else ours / peer
    print(f"| {title} | {peer:.4g} {unit} | {ours:.4g} {unit} | **{ratio:.2f}×** |")


print("| same work | peer | Handful | ratio |\n|---|---|---|---|")
for precision in ("f32", "bf16"):
    for name in ("ag_news_cased", "sst2"):
        n_steps = {"ag_news_cased": 80, "sst2": 40}[name]
        per_step = lambda result: seconds(result) / n_steps
        row(f"one SetFit step, 16 pairs, {name}, {precision}", middle(f"setfit peer {name}", per_step), middle(f"iterations {precision} {name}", per_step), "s", True)
    for name in ("ag_news_cased", "sst2"):
        row(f"SetFit, n = 8, {name}, {precision}", middle(f"setfit peer {name}", seconds), middle(f"setfit {precision} {name}", seconds), "s", True)
    row(f"fine-tuning, {precision}", middle("finetune peer", seconds), middle(f"finetune {precision}", seconds), "s", True)
    rate = lambda result: result["n_texts"] / result["secs"]
    for peer in ("ort", "st"):
        row(f"encoding against {peer}, {precision}", middle("encode peer", lambda result: result[f"{peer}_texts_per_s"]), middle(f"encode {precision}", rate), "texts/s", False)
print("\n| accuracy | peer | f32 | bf16 |\n|---|---|---|---|")
for name in ("ag_news_cased", "sst2"):
    columns = (f"setfit peer {name}", f"setfit f32 {name}", f"setfit bf16 {name}")
    print(f"| {name} | " + " | ".join(map(accuracy, columns)) + " |")
print("| fine-tuning | " + " | ".join(map(accuracy, ("finetune peer", "finetune f32", "finetune bf16"))) + " |")
print("\n| peak memory, MB | peer | f32 | bf16 |\n|---|---|---|---|")
for title, peer, ours in (("SetFit ag_news_cased", "setfit peer ag_news_cased", "setfit {} ag_news_cased"), ("SetFit sst2", "setfit peer sst2", "setfit {} sst2"),
                          ("fine-tuning", "finetune peer", "finetune {}"), ("encoding", "encode peer", "encode {}")):
    print(f"| {title} | {peak(peer):.0f} | {peak(ours.format('f32')):.0f} | {peak(ours.format('bf16')):.0f} |")
