"""Writes tests/data/metrics/parity.json: scores, truth and what scikit-learn says about them.

Run with a Python that has numpy and scikit-learn:  python scripts/parity/metrics.py
Undefined figures are null; where scikit-learn hides 0/0 behind a number, the condition is checked here.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
from sklearn import metrics as m

warnings.filterwarnings("ignore")
OUT = Path(__file__).resolve().parents[2] / "tests" / "data" / "metrics" / "parity.json"
rng = np.random.default_rng(20)


def number(value):
    value = float(value)
    return value if math.isfinite(value) else None


def averages(truth, decided, **where):
    out = {}
    for average in ("micro", "macro", "weighted"):
        # Undefined labels count as 0 in means; a micro figure without decisions is undefined.
        zero = math.nan if average == "micro" else 0
        figures = m.precision_recall_fscore_support(truth, decided, average=average, zero_division=zero, **where)[:3]
        if average == "weighted" and np.sum(np.asarray(truth) if np.ndim(truth) == 2 else len(truth)) == 0:
            figures = (math.nan,) * 3
        out[average] = dict(zip(("precision", "recall", "f1"), map(number, figures)))
    return out


def per_label(truth, decided, scores):
    """`truth`, `decided`: 0/1 by text and label."""
    out = []
    for j in range(truth.shape[1]):
        y, d, s = truth[:, j], decided[:, j], scores[:, j]
        p, r, f, _ = m.precision_recall_fscore_support(y, d, average="binary", zero_division=math.nan)
        f2 = m.fbeta_score(y, d, beta=2, zero_division=math.nan)
        tn, fp, fn, tp = m.confusion_matrix(y, d, labels=[0, 1]).ravel().tolist()
        both = 0 < y.sum() < len(y)
        row = dict(precision=number(p), recall=number(r), f1=number(f), f2=number(f2), support=int(y.sum()))
        row["counts"] = dict(tp=tp, fp=fp, fn=fn, tn=tn)
        row["average_precision"] = number(m.average_precision_score(y, s)) if y.sum() else None
        row["roc_auc"] = number(m.roc_auc_score(y, s)) if both else None
        if y.sum():
            precision, recall, at = m.precision_recall_curve(y, s, drop_intermediate=False)
            row["curve"] = [[short(t), float(p), float(r)] for t, p, r in zip(at, precision, recall)]
        else:
            row["curve"] = []
        out.append(row)
    return out


def single(name, truth, scores, thresholds=()):
    scores = np.asarray(scores, np.float32).astype(np.float64)
    truth, best, n = np.asarray(truth), scores.argmax(1), scores.shape[1]
    least = np.asarray(thresholds)[best] if len(thresholds) else 0.0
    decided = np.where(scores.max(1) >= least, best, -1)  # -1: the best label stays below its threshold
    one_hot = np.vstack([np.eye(n, dtype=int), np.zeros((1, n), int)])
    labels = per_label(one_hot[truth], one_hot[decided], scores)
    seen = sorted((set(truth) | set(decided)) - {-1})
    expected = averages(truth, decided, labels=seen)
    constant = len(set(truth)) == 1 or len(set(decided)) == 1
    aucs = [label["roc_auc"] for label in labels]
    expected.update(
        accuracy=number(m.accuracy_score(truth, decided)),
        balanced_accuracy=number(m.balanced_accuracy_score(truth, decided)),
        hamming_loss=number(m.hamming_loss(truth, decided)),
        mcc=None if constant else number(m.matthews_corrcoef(truth, decided)),
        kappa=number(m.cohen_kappa_score(truth, decided)),
        log_loss=number(m.log_loss(truth, scores, labels=list(range(n)))),
        confusion=m.confusion_matrix(truth, decided, labels=list(range(n))).tolist(),
        constant_guess_accuracy=number(np.bincount(truth).max() / len(truth)),
        macro_average_precision=number(np.mean([label["average_precision"] or 0.0 for label in labels])),
        macro_roc_auc=None if None in aucs else number(m.roc_auc_score(one_hot[truth], scores, average="macro")),
        labels=labels,
    )
    return dict(
        name=name, task="single-label", truth=[[int(t)] for t in truth], scores=rows(scores),
        thresholds=list(thresholds), expected=expected,
    )


def multi(name, truth, scores, thresholds):
    scores = np.asarray(scores, np.float32).astype(np.float64)
    truth, thresholds = np.asarray(truth, int), np.asarray(thresholds, float)
    decided = (scores >= thresholds).astype(int)
    labels = per_label(truth, decided, scores)
    # As a list of sets, so that one label is not taken for a two-class task.
    expected = averages(truth, decided) if truth.shape[1] > 1 else averages(truth.ravel(), decided.ravel(), labels=[1])
    if truth.sum() == 0:
        expected["weighted"] = dict(precision=None, recall=None, f1=None)
    aucs = [label["roc_auc"] for label in labels]
    sets = [tuple(row) for row in truth.tolist()]
    expected.update(
        accuracy=number(m.accuracy_score(truth, decided)),
        hamming_loss=number(m.hamming_loss(truth, decided)),
        log_loss=number(np.mean([m.log_loss(truth[:, j], scores[:, j], labels=[0, 1]) for j in range(truth.shape[1])])),
        constant_guess_accuracy=number(max(map(sets.count, sets)) / len(sets)),
        macro_average_precision=number(m.average_precision_score(truth, scores, average="macro")),
        macro_roc_auc=None if None in aucs else number(m.roc_auc_score(truth, scores, average="macro")),
        labels=labels,
    )
    return dict(
        name=name, task="multi-label", truth=[np.flatnonzero(row).tolist() for row in truth],
        scores=rows(scores), thresholds=thresholds.tolist(), expected=expected,
    )


def rows(scores):
    return [[short(x) for x in row] for row in scores]


def short(score):
    """The shortest decimal that reads back as the same f32."""
    return float(str(np.float32(score)))


def softmax_scores(truth, n, signal):
    logits = rng.normal(size=(len(truth), n)) + signal * np.eye(n)[truth]
    e = np.exp(logits)
    return e / e.sum(1, keepdims=True)


def sigmoid_scores(truth, signal):
    logits = rng.normal(size=truth.shape) + signal * (2 * truth - 1)
    return 1 / (1 + np.exp(-logits))


def cases():
    t = rng.integers(0, 4, 40)
    yield single("random", t, softmax_scores(t, 4, 1.5))
    yield single("abstaining", t, softmax_scores(t, 4, 1.5), [0.5, 0.6, 0.0, 0.7])
    yield single("never sure enough", t[:6], softmax_scores(t[:6], 4, 0.0), [1.0] * 4)
    t = rng.choice(5, 50, p=[0.6, 0.2, 0.1, 0.07, 0.03])
    yield single("imbalanced", t, softmax_scores(t, 5, 1.0))
    t = rng.integers(0, 2, 30)
    yield single("two classes", t, softmax_scores(t, 2, 1.0))
    yield single("a label nobody uses", [0, 0, 1, 1, 0], [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1], [0.9, 0.05, 0.05]])
    yield single("a label only decided", [0, 0, 1], [[0.7, 0.2, 0.1], [0.3, 0.1, 0.6], [0.2, 0.7, 0.1]])
    yield single("one class only, all right", [1, 1, 1], [[0.2, 0.8], [0.4, 0.6], [0.1, 0.9]])
    yield single("one class only, some wrong", [1, 1, 1], [[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]])
    yield single("always the same decision", [0, 1, 2, 0], [[0.8, 0.1, 0.1]] * 4)
    yield single("ties", [0, 1, 1, 2], [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.0, 0.5, 0.5]])
    yield single("sure and wrong", [0, 1], [[0.0, 1.0], [0.0, 1.0]])
    yield single("one text", [1], [[0.2, 0.8]])
    t = (rng.random((40, 5)) < [0.5, 0.3, 0.2, 0.1, 0.05]).astype(int)
    yield multi("random", t, sigmoid_scores(t, 0.8), [0.5] * 5)
    yield multi("own thresholds", t, sigmoid_scores(t, 0.8), [0.3, 0.45, 0.6, 0.7, 0.2])
    yield multi("many ties", t, np.round(sigmoid_scores(t, 0.8) * 4) / 4, [0.5, 0.25, 0.75, 1.0, 0.5])
    yield multi("a label without positives", [[1, 0], [0, 0], [1, 0]], [[0.9, 0.2], [0.4, 0.6], [0.7, 0.1]], [0.5, 0.5])
    yield multi("a label on every text", [[1, 0], [1, 1], [1, 0]], [[0.9, 0.2], [0.4, 0.6], [0.7, 0.1]], [0.5, 0.5])
    yield multi("no decisions", [[1, 0], [0, 1], [1, 1]], [[0.3, 0.2], [0.4, 0.4], [0.2, 0.1]], [0.5, 0.5])
    yield multi("nothing true", [[0, 0], [0, 0]], [[0.3, 0.2], [0.8, 0.4]], [0.5, 0.5])
    yield multi("nothing true, nothing decided", [[0, 0], [0, 0]], [[0.3, 0.2], [0.1, 0.4]], [0.5, 0.5])
    yield multi("all scores equal", [[1, 0], [0, 1], [1, 1], [0, 0]], [[0.5, 0.5]] * 4, [0.5, 0.5])
    yield multi("one text", [[1, 0, 1]], [[0.9, 0.6, 0.2]], [0.5] * 3)


OUT.parent.mkdir(parents=True, exist_ok=True)
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases())
OUT.write_text(f"[\n{lines}\n]\n")
print(f"{OUT}: {OUT.stat().st_size} bytes")
