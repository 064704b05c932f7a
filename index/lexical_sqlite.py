"""The words of a collection in SQLite: BM25, what must stand exactly, misspellings, completions."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property

from .filters import Where
from .filters_sql import condition
from .store import PassageKey, Scored, WordQuery
from .vocabulary import Vocabulary
from .words import FUNCTION_WORDS, begins_pairs, fold, in_one_line, is_plain, read_words

COMPLETIONS = 12
"""Words that the beginning of one may stand for, the most frequent first."""
ENOUGH = 40
"""Passages with the rarer words of a query, for each one wanted, among which the best are looked for: of 100,000
passages the ten best are nearly always those of all (`benchmarks/results/search-speed.md`)."""
_MOST_KEPT = 50_000
_LAST = "\U0010ffff"


class KnownWords:
    """What is kept of the words of a collection between searches.

    The vocabulary, for finding near words: read when it is first needed, and then only what is new. It may hold words
    that are gone: what is taken from it is looked up in the table. And in how many passages words stand, which costs
    more the more there are: of one generation.
    """

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self._generation = -1
        self._counts: dict[tuple[str, int], int] = {}
        self._counted_in = -1
        self._lock = threading.Lock()

    def counts(self, generation: int) -> dict[tuple[str, int], int]:
        """What was counted in `generation`, by FTS5 query and the limit of counting; to be added to."""
        with self._lock:
            if self._counted_in != generation or len(self._counts) > _MOST_KEPT:
                self._counts, self._counted_in = {}, generation
            return self._counts

    def at(self, connection: sqlite3.Connection, generation: int) -> Vocabulary:
        with self._lock:
            if self._generation < generation:
                new = connection.execute("SELECT word FROM words WHERE since > ?", (self._generation,))
                self._vocabulary = self._vocabulary.with_more(word for (word,) in new)
                self._generation = generation
            return self._vocabulary


def count_words(connection: sqlite3.Connection, changes: Mapping[str, int], generation: int) -> None:
    """Add `changes` to the number of passages that hold each word."""
    gained = [(word, more, generation) for word, more in changes.items() if more > 0]
    lost = [(-less, word) for word, less in changes.items() if less < 0]
    connection.executemany(
        "INSERT INTO words VALUES (?, ?, ?) ON CONFLICT (word) DO UPDATE SET passages = passages + excluded.passages",
        gained,
    )
    connection.executemany("UPDATE words SET passages = passages - ? WHERE word = ?", lost)
    connection.executemany("DELETE FROM words WHERE word = ? AND passages <= 0", [(word,) for _, word in lost])


class Lexicon:
    """The words of one generation, read through `connection`."""

    def __init__(self, connection: sqlite3.Connection, known: KnownWords, generation: int) -> None:
        self._connection = connection
        self._known = known
        self._generation = generation
        self._counts = known.counts(generation)
        self._counted: dict[tuple[tuple[str, ...], str | None], tuple[dict[str, str], tuple[str, ...]]] = {}

    def read(self, query: str, known: Callable[[str], bool], *, prefix: bool = False) -> WordQuery:
        """`query` as words of this collection; see `View.read`."""
        words = read_words(query)
        last = words.terms[-1] if prefix and words.terms and fold(query).endswith(words.terms[-1]) else None
        terms: list[str] = []
        corrected: dict[str, str] = {}
        beginning = None
        held = self.passages(words.terms)  # mostly all: one look for those instead of one each
        for term in words.terms:
            if term == last:
                found = self._completed(term)
                beginning = None if found else term
            else:
                near = term if term in held else self.corrected(term)
                found = [term if near != term and known(term) else near]
            if found and not found[0].startswith(term):
                corrected[term] = found[0]
            terms += found or [term]
        return WordQuery(tuple(dict.fromkeys(terms)), words.exact, beginning, corrected)

    def search(self, words: WordQuery, k: int, where: Where | None = None) -> Scored:
        """The best `k` by BM25 of those that `where` allows; as many as there are of those with the exact words are
        among them."""
        terms, _ = self.counted(words)
        if not terms:
            return []
        held = self._holding_exactly(words, k, where)
        found = dict.fromkeys(held, 0.0) | dict(self._bm25(_any_of(terms.values()), k, held)) if held else {}
        for key, score in self._best(list(terms.values()), k, where):
            if len(found) < k:
                found.setdefault(key, score)
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))

    def exact(self, words: WordQuery, keys: Collection[PassageKey]) -> frozenset[PassageKey]:
        """Those of `keys` that hold the exact words: all of them, else some; as they stand, else with other marks."""
        if not words.exact or not keys:
            return frozenset()
        rows = self._connection.execute(
            "SELECT key, prefix, text FROM passages WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        texts = {key: in_one_line(f"{prefix} {text}") for key, prefix, text in rows}
        for quantifier, together in ((all, " AND "), (any, " OR ")):
            literally = frozenset(key for key, text in texts.items() if quantifier(one in text for one in words.exact))
            if literally:
                return literally
            found = self._bm25(together.join(map(_phrase, words.exact)), len(keys), keys)
            if found:
                return frozenset(key for key, _ in found)
        return frozenset()

    def completions(self, beginning: str, limit: int = COMPLETIONS) -> list[str]:
        """The most frequent words that begin so; if none does, those that begin nearly so."""
        if not is_plain(beginning):
            return []
        rows = self._connection.execute(
            "SELECT word FROM words WHERE word >= ? AND word < ? ORDER BY passages DESC, word LIMIT ?",
            (beginning, beginning + _LAST, limit),
        ).fetchall()
        return [word for (word,) in rows] or self.near(beginning, beginning=True)[:3]

    def _completed(self, term: str) -> list[str]:
        """Completions to search for: so many that an OR query of them stays fast, but one at least."""
        words = self.completions(term)
        passages, many, together = self.passages(words), self.many, 0
        for number, word in enumerate(words):
            together += passages[word]
            if number and together > many:
                return words[:number]
        return words

    def corrected(self, word: str) -> str:
        """`word`, or the nearest one where no passage holds it and it may be misspelt."""
        return (self.near(word)[:1] or [word])[0] if self._is_unknown(word) else word

    def near(self, word: str, *, beginning: bool = False) -> list[str]:
        """Words that `word` may be a misspelling of: by distance, same first letter, number of passages, alphabet."""
        vocabulary = self._known.at(self._connection, self._generation)
        distances = vocabulary.near(word, beginning=beginning)
        passages = self.passages(distances)
        return sorted(passages, key=lambda near: (distances[near], near[0] != word[0], -passages[near], near))

    def passages(self, words: Iterable[str]) -> dict[str, int]:
        """In how many passages each of `words` stands; those that stand in none are left out."""
        rows = self._connection.execute(
            "SELECT word, passages FROM words WHERE word IN (SELECT value FROM json_each(?))",
            (json.dumps(list(words)),),
        )
        return dict(rows.fetchall())

    @cached_property
    def many(self) -> int:
        """In how many passages a word stands that is too common to tell one from another."""
        passages: int = self._connection.execute("SELECT passages FROM totals").fetchone()[0]
        return max(passages // 10, 20)

    def counted(self, words: WordQuery) -> tuple[dict[str, str], tuple[str, ...]]:
        """The terms that count, each with the FTS5 query for it, and those that stand in too many passages. If all do,
        all count."""
        asked = (words.terms, words.beginning)
        if asked not in self._counted:  # a search asks to find, and again to mark and to explain
            self._counted[asked] = self._count_terms(words)
        return self._counted[asked]

    def _count_terms(self, words: WordQuery) -> tuple[dict[str, str], tuple[str, ...]]:
        many = self.many
        known = self.passages(words.terms)
        terms = {term: _phrase(term) + " *" * begins_pairs(term) for term in words.terms}
        if words.beginning is not None:
            terms[words.beginning] = _phrase(words.beginning) + " *"
        rare = {
            term: match
            for term, match in terms.items()
            if known.get(term, 0) <= many and self._count(match, many) <= many
        }
        return (rare, tuple(term for term in terms if term not in rare)) if rare else (terms, ())

    def _count(self, match: str, limit: int) -> int:
        """How many passages match, at most `limit` + 1. Those of many words cost an OR query most and rank least."""
        if (match, limit) not in self._counts:
            (self._counts[match, limit],) = self._connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM lexical WHERE lexical MATCH ? LIMIT ?)", (match, limit + 1)
            ).fetchone()
        return self._counts[match, limit]

    def _is_unknown(self, term: str) -> bool:
        """Whether `term` is a plain word of which no passage holds any form."""
        if len(term) < 4 or term in FUNCTION_WORDS or not is_plain(term) or self.passages([term]):
            return False
        return not self._count(_phrase(term), 0)

    def _holding_exactly(self, words: WordQuery, k: int, where: Where | None) -> list[PassageKey]:
        """Passages that may hold the exact words: these as phrases, or, since a phrase with letters that FTS5 does not
        fold is none to it, all words of them."""
        for together, match in ((" AND ", _phrase), (" AND ", _all_words), (" OR ", _phrase)):
            found = self._bm25(together.join(map(match, words.exact)), k, where=where) if words.exact else []
            if found:
                return [key for key, _ in found]
        return []

    def _best(self, matches: Sequence[str], k: int, where: Where | None) -> Scored:
        """The best `k` by BM25 of the passages that match any of `matches`.

        Scoring a passage costs ten times what finding it does. So where the rarer words stand in enough passages, those
        that hold none of these, only the commoner ones, are not scored. All words count in the scores of the others:
        the second query has those with words of both kinds, whole; the first has those without a commoner word.
        """
        many = self.many
        rarer: list[str] = []
        commoner: list[str] = []
        together = 0
        for match in sorted(matches, key=lambda match: self._count(match, many)):
            (rarer if together < ENOUGH * k else commoner).append(match)
            together += self._count(match, many)
        # A filter may allow few passages with the rarer words, and counts of words in very many are not whole.
        if where is not None or not commoner or self._count(rarer[0], many) > many:
            return self._bm25(_any_of(matches), k, where=where)
        found = dict(self._bm25(_any_of(rarer), k))
        found |= self._bm25(f"({_any_of(rarer)}) AND ({_any_of(commoner)})", k)
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:k]

    def _bm25(
        self, match: str, k: int, keys: Collection[PassageKey] | None = None, where: Where | None = None
    ) -> Scored:
        among = ""
        parameters: list[object] = []
        if keys is not None:
            among, parameters = "AND rowid IN (SELECT value FROM json_each(?)) ", [json.dumps(list(keys))]
        if where is not None:
            allowed, more = condition(where)
            # The plus keeps SQLite from searching the words once for each passage that is allowed.
            among += f"AND +rowid IN (SELECT p.key FROM passages p WHERE {allowed}) "
            parameters = [*parameters, *more]
        rows = self._connection.execute(
            "SELECT rowid, -bm25(lexical) FROM lexical WHERE lexical MATCH ? "
            f"{among}ORDER BY bm25(lexical), rowid LIMIT ?",
            (match, *parameters, k),
        )
        return rows.fetchall()


def _phrase(words: str) -> str:
    return '"' + words.replace('"', " ") + '"'


def _any_of(matches: Iterable[str]) -> str:
    return " OR ".join(matches)


def _all_words(words: str) -> str:
    return "(" + " AND ".join(map(_phrase, read_words(words).terms)) + ")"
