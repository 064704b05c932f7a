"""`shortcuts`: can the question alone, without any passage, tell whether it has an answer?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from . import prepared
from .config import Config
from .sources import ANSWERABLE, UNANSWERABLE

_NEGATION = re.compile(r"\b(?:never|not|no|cannot|\w+ ' t)\b")  # word pieces split don't into don ' t


def question_sample(
    data: prepared.Prepared, count: int, seed: int
) -> tuple[list[str], npt.NDArray[np.bool_], list[int]]:
    """At most `count` cleaned questions of contexts that have both kinds, whether each is unanswerable, its context."""
    kind, context = data.row_kind, data.row_context
    both = np.intersect1d(context[kind == ANSWERABLE], context[kind == UNANSWERABLE])
    rows = np.flatnonzero(np.isin(context, both) & (kind <= UNANSWERABLE))
    rows = np.random.default_rng([seed, 8]).permutation(rows)[:count]
    return [data.question(int(r)) for r in rows], kind[rows] == UNANSWERABLE, [int(context[r]) for r in rows]


def probe(texts: list[str], labels: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_]) -> tuple[float, list[str]]:
    """AUROC on the `held` rows of a logistic regression fitted on the others, and its strongest cues with weights."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=5, token_pattern=r"\S+", sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), min_df=10, sublinear_tf=True)
    features = csr_matrix(hstack([words.fit_transform(texts), letters.fit_transform(texts)]))
    model = LogisticRegression(max_iter=300).fit(features[~held], labels[~held])
    score = float(roc_auc_score(labels[held], model.decision_function(features[held])))
    names = [f"word:{n}" for n in words.get_feature_names_out()] + [
        f"char:{n}" for n in letters.get_feature_names_out()
    ]
    order = np.argsort(model.coef_[0])
    strongest = [*order[::-1][:20], *order[:10]]
    return score, [f"{names[i]!r} {model.coef_[0][i]:+.2f}" for i in strongest]


def shortcuts(config: Config, run: Path, out: TextIO, count: int = 20_000) -> dict[str, float]:
    """Write the AUROC (0.5 is blind) and the top cues, with and without negations; returns both AUROCs.

    The questions are seen as the model sees them, as word pieces. A fifth of the contexts is held out.
    """
    data = prepared.load(run / "data")
    tokenizer = prepared.load_tokenizer(run / "data" / "tokenizer.json")
    raw, labels, contexts = question_sample(data, count, config.seed)
    texts = [" ".join(e.tokens).replace(" ##", "") for e in tokenizer.encode_batch(raw, add_special_tokens=False)]
    held = np.asarray(contexts) % 5 == 0
    found: dict[str, float] = {}
    for name, seen in (
        ("as they are", texts),
        ("without never, not, no, n't", [_NEGATION.sub(" ", text) for text in texts]),
    ):
        found[name], cues = probe(seen, labels, held)
        out.write(f"{name}: AUROC {found[name]:.3f}, {len(texts)} questions, {labels.mean():.0%} unanswerable\n")
        out.write("".join(f"  {cue}\n" for cue in cues))
    return found
