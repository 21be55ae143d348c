"""Writes tests/data/head/*.json: small problems with scikit-learn's probabilities for them.

    python scripts/parity/head.py

Embeddings are unit vectors in float32, like an encoder's. scikit-learn runs with a tight tolerance, so that what is
compared is the optimum and not where a solver stopped; how far its default tolerance stops short is printed.
"""
import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "head"
EXACT = dict(tol=1e-10, max_iter=20_000)


def clouds(rng, labels, n_labels, dim, spread):
    centres = rng.normal(size=(n_labels, dim))
    x = centres[labels] + spread * rng.normal(size=(len(labels), dim))
    return np.round(x / np.linalg.norm(x, axis=1, keepdims=True), 4).astype(np.float32)


def single(name, seed, labels, dim, spread, c=1.0):
    rng = np.random.default_rng(seed)
    labels = np.array(labels)
    x = clouds(rng, labels, labels.max() + 1, dim, spread)
    fit = lambda **kw: LogisticRegression(C=c, **kw).fit(x.astype(np.float64), labels).predict_proba(x.astype(np.float64))
    write(name, x, labels.tolist(), int(labels.max()) + 1, c, fit(**EXACT), fit())


def multi(name, seed, n, n_labels, dim, spread):
    rng = np.random.default_rng(seed)
    y = (rng.random((n, n_labels)) < np.linspace(0.5, 0.1, n_labels)).astype(int)
    y[:, 1] = 0  # never
    y[:, 2] = 1  # always
    x = y @ rng.normal(size=(n_labels, dim)) + spread * rng.normal(size=(n, dim))
    x = np.round(x / np.linalg.norm(x, axis=1, keepdims=True), 4).astype(np.float32)
    fit = lambda **kw: OneVsRestClassifier(LogisticRegression(**kw)).fit(x.astype(np.float64), y).predict_proba(x.astype(np.float64))
    write(name, x, [np.flatnonzero(row).tolist() for row in y], n_labels, 1.0, fit(**EXACT), fit())


def write(name, x, targets, n_labels, c, exact, default):
    print(f"{name}: {x.shape}, default tolerance is off by {np.abs(exact - default).max():.1e}")
    case = dict(dim=x.shape[1], n_labels=n_labels, c=c, x=[float(f"{v:.4f}") for v in x.ravel()], targets=targets,
                probabilities=[[float(f"{p:.8f}") for p in row] for row in exact])
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(case, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    single("binary", 0, [i % 2 for i in range(40)], dim=16, spread=1.0)
    single("four_classes", 1, [i % 4 for i in range(48)], dim=24, spread=0.7)
    single("twenty_classes", 2, [i % 20 for i in range(80)], dim=32, spread=0.7)
    single("imbalanced", 3, [0] * 60 + [1] * 5 + [2] * 2, dim=16, spread=1.0, c=10.0)
    multi("multi_label", 4, n=60, n_labels=6, dim=16, spread=0.5)
