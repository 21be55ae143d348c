"""Writes tests/data/head/*.json: small problems with scikit-learn's probabilities for them.

    python scripts/parity/head.py

Embeddings are unit vectors in float32, like an encoder's. scikit-learn runs with a tight tolerance, so that what is
compared is the optimum and not where a solver stopped; how far its default tolerance stops short is printed. Where texts have weights, they
reach every classifier of a one-vs-rest or a chain by metadata routing.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "head"
EXACT = dict(tol=1e-10, max_iter=20_000)
sklearn.set_config(enable_metadata_routing=True)


def clouds(rng, labels, n_labels, dim, spread):
    centres = rng.normal(size=(n_labels, dim))
    x = centres[labels] + spread * rng.normal(size=(len(labels), dim))
    return np.round(x / np.linalg.norm(x, axis=1, keepdims=True), 4).astype(np.float32)


def single(name, seed, labels, dim, spread, c=1.0, strategy="auto", **weighting):
    rng = np.random.default_rng(seed)
    labels = np.array(labels)
    n_labels = int(labels.max()) + 1
    x = clouds(rng, labels, n_labels, dim, spread)
    write(name, rng, x, labels, labels.tolist(), n_labels, c, strategy, **weighting)


def multi(name, seed, n, n_labels, dim, spread, c=1.0, strategy="auto", constant=True, **weighting):
    rng = np.random.default_rng(seed)
    y = (rng.random((n, n_labels)) < np.linspace(0.5, 0.1, n_labels)).astype(int)
    if constant:  # one-vs-rest takes labels that no text has, or every; a chain does not
        y[:, 1] = 0
        y[:, 2] = 1
    else:  # so that a chain has something to find
        y[:, 2] |= y[:, 0]
        y[:, 3] &= 1 - y[:, 1]
    x = y @ rng.normal(size=(n_labels, dim)) + spread * rng.normal(size=(n, dim))
    x = np.round(x / np.linalg.norm(x, axis=1, keepdims=True), 4).astype(np.float32)
    write(name, rng, x, y, [np.flatnonzero(row).tolist() for row in y], n_labels, c, strategy, **weighting)


def classifier(y, strategy, **settings):
    each = LogisticRegression(**settings).set_fit_request(sample_weight=True)
    if strategy == "chain":
        return ClassifierChain(each)
    return OneVsRestClassifier(each) if y.ndim == 2 or strategy == "one-vs-rest" else each


def write(name, rng, x, y, targets, n_labels, c, strategy, weighted=False, class_weight="none"):
    x64 = x.astype(np.float64)
    weights = np.round(rng.uniform(0.1, 4.0, size=len(x)), 2) if weighted else None
    routed = {} if weights is None else dict(sample_weight=weights)

    def fit(**settings):
        settings |= dict(C=c, class_weight=None if class_weight == "none" else class_weight)
        return classifier(y, strategy, **settings).fit(x64, y, **routed).predict_proba(x64)

    exact = fit(**EXACT)
    print(f"{name}: {x.shape}, default tolerance is off by {np.abs(exact - fit()).max():.1e}")
    case = dict(dim=x.shape[1], n_labels=n_labels, c=c, strategy=strategy, class_weight=class_weight,
                weights=None if weights is None else weights.tolist(), x=[float(f"{v:.4f}") for v in x.ravel()], targets=targets,
                probabilities=[[float(f"{p:.8f}") for p in row] for row in exact])
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(case, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    single("binary", 0, [i % 2 for i in range(40)], dim=16, spread=1.0)
    single("four_classes", 1, [i % 4 for i in range(48)], dim=24, spread=0.7)
    single("twenty_classes", 2, [i % 20 for i in range(80)], dim=32, spread=0.7)
    single("imbalanced", 3, [0] * 60 + [1] * 5 + [2] * 2, dim=16, spread=1.0, c=10.0)
    multi("multi_label", 4, n=60, n_labels=6, dim=16, spread=0.5)
    skewed = [0] * 40 + [1] * 12 + [2] * 6 + [3] * 2
    single("weighted", 5, [i % 4 for i in range(48)], dim=16, spread=0.7, c=3.0, weighted=True)
    single("weighted_binary", 6, [i % 2 for i in range(40)], dim=16, spread=1.0, weighted=True)
    single("balanced", 7, skewed, dim=16, spread=0.7, c=10.0, class_weight="balanced")
    single("balanced_weighted", 8, skewed, dim=16, spread=0.7, weighted=True, class_weight="balanced")
    single("one_vs_rest", 9, [i % 5 for i in range(60)], dim=16, spread=0.7, c=2.0, strategy="one-vs-rest")
    single("one_vs_rest_weighted", 10, skewed, dim=16, spread=0.7, strategy="one-vs-rest", weighted=True, class_weight="balanced")
    single("weak", 11, skewed, dim=16, spread=0.7, c=1e-4)
    multi("multi_label_weighted", 12, n=60, n_labels=6, dim=16, spread=0.5, weighted=True)
    multi("chain", 13, n=80, n_labels=6, dim=16, spread=0.5, c=5.0, strategy="chain", constant=False)
    multi("chain_weighted", 14, n=80, n_labels=6, dim=16, spread=0.5, strategy="chain", constant=False, weighted=True,
          class_weight="balanced")
