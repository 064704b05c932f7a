"""What the tests of the index share: nasty text, small drafts, stores over either vector index, collections."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import spanwise
from spanwise import Settings, Span
from spanwise.index.embedding import Vectors
from spanwise.index.store import DocumentDraft, PassageDraft, PassageStore, View
from spanwise.index.store_sqlite import SqlitePassageStore
from spanwise.index.vectors import NumpyIndex
from spanwise.index.vectors_faiss import FaissFlatIndex
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

# What has broken splitters and offsets before, each in a few characters.
_SCRAPS = [
    "👩\u200d👩\u200d👧\u200d👦", "🇩🇪", "🏖️", "👋🏽", "e\u0301te\u0301", "\u0301", "n\u0303o", "ﬁn", "Å", "𝔘𝔫𝔦",
    "\r\n", "\r", "\r\n\r\n", "\n\n", "\n", "\t", "   ", "\f", "\v", "\x1c", "\x85", "\u2028", "\u200b", "\u00a0",
    "שלום עולם. ", "مرحبا، كيف؟ ", "\u202eabc\u202c", "漢字かな交じり文。", "한국어 문장입니다. ", "ภาษาไทย", "\ufeff",
    "def f(x):\n\treturn x[0] ** 2  # two\n", "```py\n", "`a`", "a_b__c", "https://example.org/a?b=c#d", "\x01",
    "\x7f", "Feb. 20", "U.S. officials ", "Mr. Smith", "3.5 ", "e.g. this ", 'end." Next ', "...", "?!", "…",
    "\U0010ffff", "\u212b", "[a](b)", "![x](y z)", "[[", "](", "**", "~~", "# Head\n", "\n## Two ##\n", "> > q\n",
    "- item\n", "1. one\n", "|a|b|\n", "Title\n=====\n", "Donaudampfschifffahrtsgesellschaft", "\ue000",
]  # fmt: skip
_LONG = [
    "x" * 2_300, "lorem ipsum " * 200, "字" * 2_300, " " * 2_300, "." * 2_300, "\n" * 2_300, "한국" * 600, "a, " * 800,
]  # fmt: skip


@pytest.fixture(scope="session")
def nasty_texts() -> st.SearchStrategy[str]:
    """Texts without NUL and lone surrogates, up to some thousand characters, all kinds of them."""
    characters = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
    english = st.sampled_from(["The cat sat on the mat. ", "Dr. No met Mrs. Peel at 3 p.m. ", "Why? Because! "])
    scraps = st.lists(st.sampled_from(_SCRAPS) | english, max_size=15).map("".join)
    long = st.sampled_from([*[""] * len(_LONG), *_LONG])
    return st.builds("{}{}{}{}".format, scraps, long, characters, scraps)


class CountingEmbedder(HashEmbedder):
    """Remembers what it was asked to embed."""

    def __init__(self, dimension: int = 64, *, max_tokens: int = 256, model: str = "hash-embedder") -> None:
        super().__init__(dimension, max_tokens=max_tokens, model=model)
        self.embedded: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        return super().embed_passages(texts)


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder; the default collection's own folder is `data / "collections" / "default"`."""
    return tmp_path / "data"


@pytest.fixture
def opened(data: Path, embedder: CountingEmbedder) -> Iterator[Callable[..., Collection]]:
    """Opens a collection of `data`, with doubles for the models; all are closed when the test ends."""
    with ExitStack() as stack:

        def open_collection(name: str = "default", **options: Any) -> Collection:
            options = {"settings": Settings(), "embedder": embedder, "reader": ScriptedReader()} | options
            return stack.enter_context(spanwise.open(data, name, **options))

        yield open_collection


@pytest.fixture(scope="session")
def new_collection(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Puts an empty collection into a folder, as if it had been opened and closed before. Each is a copy of one: that
    is faster than the migrations, which are run for real wherever a test opens a collection itself."""
    folder = tmp_path_factory.mktemp("new")
    SqlitePassageStore(folder, FaissFlatIndex).close()

    def put(into: Path) -> None:
        shutil.copytree(folder, into)

    return put


@pytest.fixture
def library(data: Path, new_collection: Callable[[Path], None], opened: Callable[..., Collection]) -> Collection:
    new_collection(data / "collections" / "default")
    return opened()


@pytest.fixture(params=[NumpyIndex, FaissFlatIndex], ids=["sqlite-numpy", "sqlite-faiss"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], PassageStore]]:
    """Opens the store under test, always on the same place, as another process would. New stores join here."""
    with ExitStack() as stack:

        def open_one() -> PassageStore:
            store = SqlitePassageStore(tmp_path / "store", request.param, write_wait_seconds=5)
            stack.callback(store.close)
            return store

        yield open_one


@pytest.fixture
def store(
    tmp_path: Path, new_collection: Callable[[Path], None], open_store: Callable[[], PassageStore]
) -> PassageStore:
    new_collection(tmp_path / "store")
    return open_store()


@pytest.fixture(scope="session")
def draft() -> Callable[..., DocumentDraft]:
    """Makes a draft of passages, each with a vector: the given one, or that of its words in `HashEmbedder(16)`."""
    embed = HashEmbedder(16).embed_query

    def make(
        id_: str, *passages: str, vectors: Sequence[Sequence[float]] | None = None, prefix: str = ""
    ) -> DocumentDraft:
        text = "\n\n".join(passages)
        drafts = []
        start = 0
        for passage in passages:
            drafts.append(PassageDraft(Span(start, start + len(passage)), ("Top",), prefix))
            start += len(passage) + 2
        rows = [embed(passage) for passage in passages] if vectors is None else np.array(vectors, np.float32)
        content_hash = "sha256:" + sha256(text.encode()).hexdigest()
        return DocumentDraft(
            id_, text, content_hash, id_.title(), None, {"n": 1}, "text/plain", (), tuple(drafts), tuple(rows)
        )

    return make


@pytest.fixture(scope="session")
def texts_of() -> Callable[[View, list[tuple[int, float]]], list[str]]:
    """The texts of scored passages, in their order."""

    def read(view: View, scored: list[tuple[int, float]]) -> list[str]:
        passages = view.passages([key for key, _ in scored])
        return [passages[key].text for key, _ in scored]

    return read


@pytest.fixture(scope="session")
def dense(texts_of: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Searches a store for the passages nearest to a text, by its vector in `HashEmbedder(16)`."""
    embed = HashEmbedder(16).embed_query

    def search(store: PassageStore, text: str, k: int = 10) -> list[str]:
        with store.reading() as view:
            return texts_of(view, view.dense(embed(text), k))

    return search


@pytest.fixture(scope="session")
def lexical(texts_of: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Searches a store by words."""

    def search(store: PassageStore, query: str, k: int = 10) -> list[str]:
        with store.reading() as view:
            return texts_of(view, view.lexical(view.read(query), k))

    return search


@pytest.fixture(scope="session")
def random_passages() -> Callable[[int, int], list[str]]:
    """Makes `count` different passages of words of which the first are common and the last rare."""
    pool = "alba birk corn dusk elm fern gorse heath iris junco".split()

    def make(count: int, seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        weights = 1 / np.arange(1, len(pool) + 1)
        return [
            f"unit{n} " + " ".join(rng.choice(pool, size=int(rng.integers(2, 12)), p=weights / weights.sum()))
            for n in range(count)
        ]

    return make
