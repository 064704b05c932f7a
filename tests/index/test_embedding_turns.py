"""A question does not wait until a whole document is embedded."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from spanwise import TimeLimitError
from spanwise.index.embedding import DEFAULT_MODEL, load_embedder
from spanwise.index.timings import time_limit

pytestmark = pytest.mark.models


def test_a_question_has_its_turn_between_the_batches_of_a_document() -> None:
    embedder = load_embedder(DEFAULT_MODEL)
    texts = [f"Sentence number {number} of a document that is rather long." for number in range(640)]
    embedded: list[np.ndarray] = []
    adding = threading.Thread(target=lambda: embedded.append(embedder.embed_passages(texts)))
    adding.start()
    between = []
    while not embedded and len(between) < 1_000:
        between.append(embedder.embed_query("Which number?"))
    adding.join()
    assert len(between) >= 5  # of twenty batches
    assert np.array_equal(between[1], embedder.embed_query("Which number?"))
    assert np.allclose(embedded[0][7], embedder.embed_passages([texts[7]])[0], atol=1e-5)
    with time_limit(-1), pytest.raises(TimeLimitError):
        embedder.embed_passages(texts)
