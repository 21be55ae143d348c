"""Writes tests/data/metrics/parity.json: what scikit-learn says about 1,000 made cases.

Run with a Python that has numpy and scikit-learn:  python scripts/parity/metrics.py
The cases themselves are not written: `case` below and `Made::new` in src/core/metrics/parity.rs make the same ones from a number.
Undefined figures are null; where scikit-learn hides 0/0 behind a number, the condition is checked here. What scikit-learn does
not have (calibration error, average confidence, the constant guess, trees of labels) is written out plainly.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
from sklearn import metrics as m

warnings.filterwarnings("ignore")
OUT = Path(__file__).resolve().parents[2] / "tests" / "data" / "metrics" / "parity.json"
N_CASES = 1000
BETAS = (0.5, 2.0, 1.5)  # the two of every report, and one more


class Stream:
    """SplitMix64 (Steele, Lea & Flood, 2014)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return (z ^ (z >> 31)) % n


def case(number):
    """(multi-label, truth as 0/1 by text and label, scores, thresholds, paths)"""
    s = Stream(number)
    multi = number % 2 == 1
    n_labels = 1 + s.below(5) if multi else 2 + s.below(5)
    size = s.below(6)
    n_rows = 1 if size == 0 else 2 if size == 1 else 3 + s.below(6) if size == 2 else 10 + s.below(40)
    truth = np.zeros((n_rows, n_labels), int)
    if multi:
        tenths = [(0, 1, 3, 5, 10)[s.below(5)] for _ in range(n_labels)]
        for row in truth:
            for j in range(n_labels):
                row[j] = s.below(10) < tenths[j]
    else:
        n_used = 1 + s.below(n_labels)
        for row in truth:
            row[s.below(n_used)] = 1
    kind = s.below(5)  # 0: ties, 1: all equal, 2: certain, right or wrong; otherwise: noise with some truth in it
    scores = np.zeros((n_rows, n_labels))
    for row, labels in zip(scores, truth):
        sure = s.below(n_labels) if kind == 2 and not multi else 0
        for j in range(n_labels):
            if multi:
                row[j] = (
                    s.below(5) / 4 if kind == 0 else 0.5 if kind == 1 else s.below(2) if kind == 2
                    else (s.below(1000) + 600 * labels[j]) / 1600
                )
            else:
                row[j] = (
                    1 + s.below(3) if kind == 0 else 1 if kind == 1 else float(j == sure) if kind == 2
                    else 1 + s.below(1000) + 600 * labels[j]
                )
        if not multi:
            row /= row.sum()
    scores = scores.astype(np.float32).astype(np.float64)
    tuned = s.below(3) == 0
    thresholds = [s.below(11) / 10 if tuned else 0.5 * multi for _ in range(n_labels)]
    paths, nested = [], s.below(3) == 0
    for j in range(n_labels):
        parent = s.below(j + 1)
        paths.append((paths[parent] if nested and parent < j else ()) + (str(j),))
    return multi, truth, scores, np.array(thresholds), paths


def mean(values):
    return None if len(values) == 0 or None in values else float(np.mean(values))


def number(value):
    return None if value is None or not math.isfinite(value) else float(value)


def short(value):
    if value is None:
        return None
    value = round(float(value), 11)
    return int(value) if value == int(value) else value


def averages(truth, decided, single, out):
    """Over labels and, for several labels a text, over texts. `truth`, `decided`: 0/1 by text and label."""
    seen = np.flatnonzero(truth.sum(0) + decided.sum(0))
    where = {} if not single else dict(labels=seen)
    if truth.shape[1] == 1:
        where = dict(labels=[1])
        y, d = truth.ravel(), decided.ravel()
    else:
        y, d = truth, decided
    for average in ("micro", "macro", "weighted", "samples"):
        if average == "samples" and (single or truth.shape[1] == 1):
            if not single:  # scikit-learn knows no sets of one label
                met = ((truth * decided).ravel()).mean()
                out.update({f"/samples/{name}": met for name in ("precision", "recall", "f1", "jaccard")})
                out.update({f"/f_beta/{k}/samples": met for k in range(2)})
                out["/f_other/0/samples"] = met
            continue
        # Undefined labels and texts count as 0 in means; a micro figure without decisions is undefined.
        nothing = average == "weighted" and truth.sum() == 0
        empty = average == "micro" and truth.sum() + decided.sum() == 0
        none = lambda value, undefined=nothing: None if undefined else number(value)
        zero = math.nan if average == "micro" else 0
        if average == "samples":
            where = {}
        p, r, f, _ = m.precision_recall_fscore_support(y, d, average=average, zero_division=zero, **where)
        for name, value in (("precision", p), ("recall", r), ("f1", f)):
            out[f"/{average}/{name}"] = none(value)
        out[f"/{average}/jaccard"] = none(m.jaccard_score(y, d, average=average, zero_division=0, **where), nothing or empty)
        for k, beta in enumerate(BETAS):
            f = m.fbeta_score(y, d, beta=beta, average=average, zero_division=zero, **where)
            out[f"/f_beta/{k}/{average}" if k < 2 else f"/f_other/0/{average}"] = none(f)


def per_label(y, d, s):
    p, r, f, _ = m.precision_recall_fscore_support(y, d, average="binary", zero_division=math.nan)
    tn, fp, fn, tp = m.confusion_matrix(y, d, labels=[0, 1]).ravel().tolist()
    constant = len(set(y)) == 1 or len(set(d)) == 1
    any_ = y.sum() + d.sum() > 0
    row = {
        "/precision": number(p), "/recall": number(r), "/f1": number(f), "/support": int(y.sum()),
        "/counts/tp": tp, "/counts/fp": fp, "/counts/fn": fn, "/counts/tn": tn,
        "/jaccard": number(m.jaccard_score(y, d, zero_division=0)) if any_ else None,
        "/mcc": None if constant else number(m.matthews_corrcoef(y, d)),
        "/kappa": number(m.cohen_kappa_score(y, d)),
        "/balanced_accuracy": number(m.balanced_accuracy_score(y, d)),
        "/average_precision": number(m.average_precision_score(y, s)) if y.sum() else None,
        "/roc_auc": number(m.roc_auc_score(y, s)) if 0 < y.sum() < len(y) else None,
    }
    for k, beta in enumerate(BETAS):
        f = number(m.fbeta_score(y, d, beta=beta, zero_division=math.nan))
        row[f"/f_beta/{k}" if k < 2 else "/f_other"] = f
    return row


def curve(y, s):
    if not y.sum():
        return []
    precision, recall, at = m.precision_recall_curve(y, s, drop_intermediate=False)
    return [[float(str(np.float32(t))), short(p), short(r)] for t, p, r in zip(at, precision, recall)]


def calibration_error(scores, right):
    """Guo et al. (2017): 15 bins of equal width, open below and closed above."""
    at = np.clip(np.ceil(scores * 15).astype(int), 1, 15)
    gaps = [abs(scores[at == b].sum() - right[at == b].sum()) for b in range(1, 16)]
    return sum(gaps) / len(scores)


def ranked(truth, scores, labels, out):
    """Over labels, one against the rest."""
    every, one = truth.ravel(), truth.shape[1] == 1
    y, s = (every, scores.ravel()) if one else (truth, scores)
    aucs = [label["/roc_auc"] for label in labels]
    out["/macro_average_precision"] = mean([label["/average_precision"] or 0.0 for label in labels])
    out["/micro_average_precision"] = number(m.average_precision_score(every, scores.ravel())) if every.sum() else None
    out["/weighted_average_precision"] = number(m.average_precision_score(y, s, average="weighted")) if every.sum() else None
    out["/macro_roc_auc"] = None if None in aucs else number(m.roc_auc_score(y, s, average="macro"))
    out["/weighted_roc_auc"] = None if None in aucs else number(m.roc_auc_score(y, s, average="weighted"))
    both = 0 < every.sum() < len(every)
    out["/micro_roc_auc"] = number(m.roc_auc_score(every, scores.ravel())) if both else None


def guess(truth, single, out):
    """The most frequent answer; the first in order of its columns where several are."""
    sets = [tuple(np.flatnonzero(row)) for row in truth]
    answer = min(set(sets), key=lambda a: (-sets.count(a), a))
    decided = np.zeros_like(truth)
    decided[:, list(answer)] = 1
    with_it = {}
    averages(truth, decided, single, with_it)
    out["/constant_guess/accuracy"] = sets.count(answer) / len(sets)
    out["/constant_guess/macro_f1"] = with_it["/macro/f1"]


def ratio(part, whole):
    return part / whole if whole else None


def tree(truth, decided, paths, single):
    """Kiritchenko et al. (2005): sets of labels with all that is above them."""
    if max(map(len, paths)) == 1:
        return None
    above = [{path[: k + 1] for k in range(len(path))} for path in paths]
    close = lambda rows: [set().union(*(above[j] for j in np.flatnonzero(row))) for row in rows]
    t, d = close(truth), close(decided)
    shared, n_t, n_d = sum(len(a & b) for a, b in zip(t, d)), sum(map(len, t)), sum(map(len, d))
    out = [ratio(shared, n_d), ratio(shared, n_t), ratio(2 * shared, n_t + n_d)]
    for level in range(1, max(map(len, paths)) + 1):
        nodes = sorted({node for set_ in above for node in set_ if len(node) == level})
        pairs = [({n for n in a if len(n) == level}, {n for n in b if len(n) == level}) for a, b in zip(t, d)]
        pairs = [(a, b) for a, b in pairs if a or b]
        out += [len(nodes), len(pairs), ratio(sum(a == b for a, b in pairs), len(pairs))]
        counts = []
        for node in nodes:
            tp = sum(node in a and node in b for a, b in pairs)
            counts.append((tp, sum(node in b for _, b in pairs) - tp, sum(node in a for a, _ in pairs) - tp))
        taking = [c for c in counts if sum(c)] if single else counts if pairs else []
        figures = lambda tp, fp, fn: (ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn))
        each = [figures(*c) for c in taking]
        out += [ratio(sum(f[k] or 0 for f in each), len(each)) for k in range(3)]
        out += figures(*map(sum, zip(*counts)))
    return out


def expected(number_):
    multi, truth, scores, thresholds, paths = case(number_)
    n_labels, out = truth.shape[1], {}
    if multi:
        decided = (scores >= thresholds).astype(int)
    else:
        y, best = truth.argmax(1), scores.argmax(1)
        d = np.where(scores.max(1) >= thresholds[best], best, -1)  # -1: the best label stays below its threshold
        decided = np.vstack([np.eye(n_labels, dtype=int), np.zeros((1, n_labels), int)])[d]
    labels = [per_label(truth[:, j], decided[:, j], scores[:, j]) for j in range(n_labels)]
    averages(truth, decided, not multi, out)
    ranked(truth, scores, labels, out)
    guess(truth, not multi, out)
    if multi:
        columns = [(truth[:, j], scores[:, j]) for j in range(n_labels)]
        mccs = [label["/mcc"] for label in labels]
        out["/accuracy"] = m.accuracy_score(truth, decided)
        out["/hamming_loss"] = m.hamming_loss(truth, decided)
        out["/balanced_accuracy"] = mean([label["/balanced_accuracy"] for label in labels])
        out["/mcc"] = None if set(mccs) == {None} else mean([mcc or 0.0 for mcc in mccs])
        out["/kappa"] = mean([label["/kappa"] for label in labels])
        out["/log_loss"] = mean([m.log_loss(y, s, labels=[0, 1]) for y, s in columns])
        out["/brier"] = mean([m.brier_score_loss(y, s, pos_label=1, labels=[0, 1]) for y, s in columns])
        out["/average_confidence"] = np.maximum(scores, 1 - scores).mean()
        out["/calibration_error"] = calibration_error(scores.ravel(), truth.ravel())
        confusion = None
    else:
        constant = len(set(y)) == 1 or len(set(d)) == 1
        out["/accuracy"] = m.accuracy_score(y, d)
        out["/hamming_loss"] = m.hamming_loss(y, d)
        out["/balanced_accuracy"] = m.balanced_accuracy_score(y, d)
        out["/mcc"] = None if constant else m.matthews_corrcoef(y, d)
        out["/kappa"] = number(m.cohen_kappa_score(y, d))
        out["/log_loss"] = m.log_loss(y, scores, labels=list(range(n_labels)))
        out["/brier"] = m.brier_score_loss(y, scores, labels=list(range(n_labels)))
        out["/average_confidence"] = scores.max(1).mean()
        out["/calibration_error"] = calibration_error(scores.max(1), best == y)
        confusion = m.confusion_matrix(y, d, labels=list(range(n_labels))).tolist()
    curves = [curve(truth[:, j], scores[:, j]) for j in range(n_labels)] if number_ % 25 == 0 else None
    return out, labels, confusion, tree(truth, decided, paths, not multi), curves


def main():
    cases = []
    made = [expected(number_) for number_ in range(N_CASES)]
    names = sorted({name for out, *_ in made for name in out})
    label_names = list(made[0][1][0])
    for out, labels, confusion, levels, curves in made:
        cases.append([
            [short(out.get(name)) for name in names],
            [[short(label[name]) for name in label_names] for label in labels],
            confusion,
            None if levels is None else [short(x) for x in levels],
            curves,
        ])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case_, separators=(",", ":")) for case_ in cases)
    head = json.dumps(dict(figures=names, label_figures=label_names), separators=(",", ":"))
    OUT.write_text(f'{head[:-1]},"cases":[\n{lines}\n]}}\n')
    print(f"{OUT}: {len(cases)} cases, {OUT.stat().st_size} bytes")


main()
