"""What a collection has promised, and whether it keeps it.

A script of changes is drawn from a seed; each document version has a text that follows from its id and number. So
whoever knows the seed and how many changes were acknowledged knows everything that must be in the collection.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

import spanwise
from spanwise import Settings, Source
from spanwise.index.markup import blank_markup
from spanwise.index.storage import DATABASE, collection_folder, collections
from spanwise.qa.calibration import FILE, Calibration, Judge, load, save
from spanwise.qa.collection import Collection
from spanwise.qa.fitting import Logistic
from spanwise.testing import HashEmbedder, ScriptedReader
from trust.large import large_from

SETTINGS = Settings(max_top_k=100_000, write_wait_seconds=30)
EMBEDDER = HashEmbedder(32)
OTHERS = {"search": 4, "reopen": 2, "calibrate": 2, "compact": 1, "copy": 2, "rename": 1, "drop": 1, "index": 4}
"""How often a change is none of documents."""
IDS = (*(f"d{number}" for number in range(8)), *(f"f{number}.txt" for number in range(5)))
"""Ids of documents; those with a dot are added as files, whose originals are kept."""


class Broken(AssertionError):
    """A promise was not kept."""


@dataclass(frozen=True)
class State:
    """What a collection holds: the version of each document, and the number in its calibration."""

    documents: Mapping[str, int] = field(default_factory=dict)
    calibration: int | None = None
    others: Mapping[str, State] = field(default_factory=dict)
    """Collections that were restored from its backups, by name."""

    def copy(self) -> State:
        return replace(self, others={})


@dataclass(frozen=True)
class Change:
    """One step of a script. `put` maps ids to versions; all of one step is stored together or not at all."""

    kind: str
    put: Mapping[str, int] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    number: int = 0

    def applied(self, state: State) -> State:
        kept = {name: version for name, version in state.documents.items() if name not in self.removed}
        after = replace(state, documents={**kept, **self.put})
        others = dict(state.others)
        if self.kind == "calibrate":
            return replace(after, calibration=self.number)
        if self.kind == "copy":
            others["copy"] = state.copy()
        elif self.kind == "rename" and "copy" in others:
            others["renamed"] = others.pop("copy")
        elif self.kind == "drop":
            others.pop("renamed", None)
        return replace(after, others=others)


def script(seed: int, length: int) -> list[Change]:
    """`length` changes drawn from `seed`. No version number is used twice."""
    rng = random.Random(seed)
    state = State()
    changes: list[Change] = []
    for number in range(1, length + 1):
        present = sorted(state.documents)
        weights = {"add": 6, "replace": 5 if present else 0, "delete": 4 if present else 0, **OTHERS}
        kind = rng.choices(list(weights), list(weights.values()))[0]
        absent = [name for name in IDS if name not in state.documents]
        if kind == "add" and absent:
            change = Change(kind, dict.fromkeys(rng.sample(absent, min(len(absent), rng.choice((1, 1, 2, 4)))), number))
        elif kind in ("add", "replace"):
            change = Change(
                "replace", dict.fromkeys(rng.sample(present, min(len(present), rng.choice((1, 1, 3)))), number)
            )
        elif kind == "delete":
            change = Change(kind, removed=tuple(rng.sample(present, min(len(present), rng.choice((1, 1, 3))))))
        elif (kind == "rename" and ("copy" not in state.others or "renamed" in state.others)) or (
            kind == "drop" and "renamed" not in state.others
        ):
            change = Change("search")
        else:
            change = Change(kind, number=number)
        changes.append(change)
        state = change.applied(state)
    return changes


def states(changes: Iterable[Change]) -> list[State]:
    """The state before the first change, and after each."""
    found = [State()]
    for change in changes:
        found.append(change.applied(found[-1]))
    return found


def mark(document_id: str, version: int) -> str:
    """A word that stands in every sentence of this version of the document and nowhere else."""
    return f"{document_id.partition('.')[0]}version{version}x"


def is_file(document_id: str) -> bool:
    return "." in document_id


def text_of(document_id: str, version: int) -> str:
    word = mark(document_id, version)
    rng = random.Random(word)
    size = rng.choice((3, 8, 30, 30, 120))
    lines = [f"The word {word} stands in line {line} of {rng.choice(IDS)} – 🎉 é\u0301." for line in range(size)]
    return "".join(line + rng.choice((" ", "\r\n", "\n\n")) for line in lines)


def open_collection(data: Path, name: str = "default") -> Collection:
    large_from(3, changes=4)
    return spanwise.open(data, name, settings=SETTINGS, embedder=EMBEDDER, reader=ScriptedReader())


def calibration(number: int) -> Calibration:
    judge = Judge(Logistic(0.0, {}), Logistic(0.0, {}), Logistic(0.0, {}), 0.5)
    return Calibration(ScriptedReader.fingerprint, judge, judge, report={"number": number, "filling": "x" * 6000})


def log_in(file: Path) -> str:
    """What a child has acknowledged; nothing when it died before the first change."""
    return file.read_text() if file.exists() else ""


def allowed_after(changes: Sequence[Change], log: str) -> list[State]:
    """The states that are right after what `log` (lines `start N` and `done N`, from 1) says was acknowledged."""
    lines = [line.split() for line in log.split("\n")[:-1]]
    done = max((int(line[1]) for line in lines if line[0] == "done"), default=0)
    started = max((int(line[1]) for line in lines if line[0] == "start"), default=0)
    if started not in (done, done + 1):
        raise Broken(f"the log says {started} started and {done} done")
    return states(changes)[done : started + 1]


def check(data: Path, allowed: Sequence[State], changes: Sequence[Change], name: str = "default") -> State:
    """Open the collection and look at everything in it. Returns which of `allowed` it holds; raises Broken."""
    with open_collection(data, name) as library:
        held = _held(library, data)
        if name == "default":
            others = {one: check_copy(data, allowed, changes, one) for one in collections(data) if one != name}
            held = replace(held, others=others)
            if held not in allowed:
                raise Broken(f"it holds {held}, which is none of {list(allowed)}")
        _check_through_the_front_door(library, held, changes)
        _check_rows(collection_folder(data, name) / DATABASE)
        _check_originals(collection_folder(data, name) / "originals", held)
        if findings := library.verify():
            raise Broken(f"verify says {findings[:3]}")
        _check_that_it_goes_on(library)
    return held


def check_copy(data: Path, allowed: Sequence[State], changes: Sequence[Change], name: str) -> State:
    """The same for a collection restored from a backup."""
    return check(
        data, [other for state in allowed for one, other in state.others.items() if one == name], changes, name
    )


def _held(library: Collection, data: Path) -> State:
    documents = {}
    for info in library.documents():
        text = library.document(info.id).text
        versions = {int(version) for version in re.findall(r"\b[df]\d+version(\d+)x\b", text)}
        if len(versions) != 1 or text != text_of(info.id, *versions):
            raise Broken(f"document {info.id} has a text that was never stored")
        if is_file(info.id) and library.original(info.id) != text.encode():
            raise Broken(f"the original of {info.id} is another file")
        documents[info.id] = versions.pop()
    found = load(_calibration_file(data, library.name))
    return State(documents, found.report.get("number") if found else None)


def _calibration_file(data: Path, name: str) -> Path:
    return collection_folder(data, name) / FILE


def _check_through_the_front_door(library: Collection, held: State, changes: Sequence[Change]) -> None:
    everything = SETTINGS.max_top_k
    status = library.status()
    if status.documents != len(held.documents):
        raise Broken(f"status counts {status.documents} documents, not {len(held.documents)}")
    near = library.search("stands", everything, mode="dense", merge=False).hits
    if (
        len({(hit.passage.document.id, hit.passage.span) for hit in near}) != status.passages
        or len(near) != status.passages
    ):
        raise Broken(f"dense search finds {len(near)} of {status.passages} passages")
    for change in changes:
        for name, version in change.put.items():
            hits = library.search(mark(name, version), everything, mode="lexical", merge=False).hits
            current = held.documents.get(name) == version
            texts = {hit.passage.document.id for hit in hits}
            if texts != ({name} if current else set()):
                raise Broken(f"version {version} of {name} {'is not' if current else 'is still'} found")
            if current and len(hits) != hits[0].passage.document.passages:
                raise Broken(f"{len(hits)} of {hits[0].passage.document.passages} passages of {name} are found")


def _check_rows(file: Path) -> None:
    """Passages are slices of their documents and leave nothing out; each has its vector and its lexical entry."""
    with closing(sqlite3.connect(file)) as connection:
        for question, answer in (
            ("integrity_check", [("ok",)]),
            ("foreign_key_check", []),
            ("journal_mode", [("wal",)]),
        ):
            if (said := connection.execute(f"PRAGMA {question}").fetchall()) != answer:
                raise Broken(f"{question}: {said[:3]}")
        texts = dict(connection.execute("SELECT key, text FROM documents"))
        counted = dict(connection.execute("SELECT key, passages FROM documents"))
        vectors = dict(connection.execute("SELECT passage, vector FROM vectors"))
        entries = {key for (key,) in connection.execute("SELECT id FROM lexical_docsize")}
        rows = connection.execute(
            'SELECT key, document, start, "end", prefix, text FROM passages ORDER BY document, start'
        ).fetchall()
        covered = dict.fromkeys(texts, 0)
        for key, document, start, end, prefix, text in rows:
            if texts[document][start:end] != text:
                raise Broken(f"passage {key} does not equal its slice")
            if texts[document][covered[document] : start].strip():
                raise Broken(f"passage {key} leaves out words before it")
            covered[document] = end
            counted[document] -= 1
            seen = f"{prefix}\n{blank_markup(texts[document])[start:end]}".lstrip("\n")
            if vectors.get(key) != EMBEDDER.embed_query(seen).astype(np.dtype("<f2")).tobytes():
                raise Broken(f"passage {key} has another vector than its text")
        if any(texts[key][end:].strip() for key, end in covered.items()) or any(counted.values()):
            raise Broken("passages do not cover their documents")
        keys = {row[0] for row in rows}
        if vectors.keys() != keys or entries != keys:
            raise Broken(f"{len(keys)} passages, {len(vectors)} vectors, {len(entries)} lexical entries")
        connection.execute("INSERT INTO lexical (lexical, rank) VALUES ('integrity-check', 1)")  # raises when it is not
        connection.rollback()


def _check_originals(folder: Path, held: State) -> None:
    kept = {file.name for file in folder.iterdir()} if folder.exists() else set()
    texts = [text_of(name, version) for name, version in held.documents.items() if is_file(name)]
    if kept != {sha256(text.encode()).hexdigest() for text in texts}:
        raise Broken(f"{len(kept)} originals are kept, of {len(texts)} files")


def _check_that_it_goes_on(library: Collection) -> None:
    library.add(Source("The probe is stored at last.", id="probe"))
    if [hit.passage.document.id for hit in library.search("probe", 1).hits] != ["probe"]:
        raise Broken("what is added now is not found")
    library.remove("probe")
    if library.search("probe", mode="lexical").hits:
        raise Broken("what is removed now is still found")


def perform(library: Collection, change: Change, data: Path, files: Path) -> Collection:
    """Carry out one change; the collection to go on with. Files to be added are made in `files`."""
    if change.kind in ("add", "replace"):
        sources: list[Source | Path] = []
        for name, version in change.put.items():
            if is_file(name):
                files.mkdir(exist_ok=True)
                (files / name).write_bytes(text_of(name, version).encode())
                sources.append(files / name)
            else:
                sources.append(Source(text_of(name, version), id=name))
        library.add(sources)
    elif change.kind == "delete":
        library.remove(*change.removed)
    elif change.kind == "search":
        library.search("stands", 5)
    elif change.kind == "calibrate":
        save(calibration(change.number), _calibration_file(data, library.name))
    elif change.kind == "index":
        library.build_index()
    elif change.kind == "compact":
        library.compact()
    elif change.kind == "copy":
        files.mkdir(exist_ok=True)
        library.backup(files / "backup.tar")
        spanwise.restore(data, files / "backup.tar", "copy", replace=True, settings=SETTINGS)
    elif change.kind == "rename":
        spanwise.rename(data, "copy", "renamed", settings=SETTINGS)
    elif change.kind == "drop":
        spanwise.drop(data, "renamed", settings=SETTINGS)
    elif change.kind == "reopen":
        library.close()
        return open_collection(data)
    else:
        raise ValueError(change.kind)
    return library
