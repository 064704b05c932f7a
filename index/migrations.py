"""The format of a collection's database: numbered steps from nothing to the newest, and what they make."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator

from .words import forms_of, plain_words

_CREATE = re.compile(r"CREATE (?:TABLE|VIRTUAL TABLE|INDEX|TRIGGER) (\w+)")

# Append only: a collection at version n gets every migration after n. Never edit one that has been released.
MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('generation', '0');

    CREATE TABLE documents (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        title TEXT,
        uri TEXT,
        metadata TEXT NOT NULL,         -- JSON object
        content_hash TEXT NOT NULL,
        media_type TEXT NOT NULL,
        headings TEXT NOT NULL,         -- JSON: [[start, level, text], ...]
        added_at TEXT NOT NULL,
        characters INTEGER NOT NULL,    -- code points
        passages INTEGER NOT NULL,
        text TEXT NOT NULL
    );

    CREATE TABLE passages (
        key INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused, so a stale key finds nothing
        document INTEGER NOT NULL REFERENCES documents (key),
        start INTEGER NOT NULL,         -- code points of documents.text
        "end" INTEGER NOT NULL,
        page INTEGER,
        heading TEXT NOT NULL,          -- JSON: [outermost, ..., innermost]
        prefix TEXT NOT NULL,           -- title and headings, indexed with the text, never part of a span
        text TEXT NOT NULL
    );
    CREATE INDEX passages_of_document ON passages (document, start);

    CREATE TABLE vectors (
        passage INTEGER PRIMARY KEY REFERENCES passages (key),
        vector BLOB NOT NULL            -- float16, little endian, unit length
    );

    CREATE VIRTUAL TABLE lexical USING fts5 (
        prefix, text, content = 'passages', content_rowid = 'key', tokenize = 'porter unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER lexical_insert AFTER INSERT ON passages BEGIN
        INSERT INTO lexical (rowid, prefix, text) VALUES (new.key, new.prefix, new.text);
    END;
    CREATE TRIGGER lexical_delete AFTER DELETE ON passages BEGIN
        INSERT INTO lexical (lexical, rowid, prefix, text) VALUES ('delete', old.key, old.prefix, old.text);
    END;
    """,
    """
    ALTER TABLE documents ADD COLUMN encoding TEXT;
    ALTER TABLE documents ADD COLUMN layout_hash TEXT NOT NULL DEFAULT '';
    ALTER TABLE documents ADD COLUMN pages TEXT NOT NULL DEFAULT '[]';      -- JSON: [[start, end, width, height], ...]
    ALTER TABLE documents ADD COLUMN excluded TEXT NOT NULL DEFAULT '[]';   -- JSON: [[start, end], ...]

    CREATE TABLE places (               -- which part of the source each part of the text stands in
        document INTEGER NOT NULL REFERENCES documents (key),
        start INTEGER NOT NULL,         -- code points of documents.text
        "end" INTEGER NOT NULL,
        map BLOB NOT NULL               -- zlib of JSON: {"blocks": [...], "lines": [...]}
    );
    CREATE INDEX places_of_document ON places (document, start);
    """,
    """
    CREATE TABLE files (                -- of folders that were added: what looks the same need not be read again
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        folder TEXT NOT NULL,
        path TEXT NOT NULL,             -- relative to the folder
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,      -- 0: too young to be trusted
        sha256 TEXT NOT NULL,
        read_with TEXT NOT NULL,
        UNIQUE (folder, path)
    );
    ALTER TABLE documents ADD COLUMN file INTEGER REFERENCES files (key) ON DELETE SET NULL;
    ALTER TABLE documents ADD COLUMN original TEXT;     -- hex sha256: its file is originals/<sha256>
    ALTER TABLE documents ADD COLUMN unbroken TEXT NOT NULL DEFAULT '[]';   -- JSON: [[start, end], ...]
    ALTER TABLE documents ADD COLUMN together TEXT NOT NULL DEFAULT '[]';   -- JSON: [[start, end], ...]
    ALTER TABLE documents ADD COLUMN tables TEXT NOT NULL DEFAULT '[]';     -- JSON: [[start, end, columns], ...]
    CREATE INDEX documents_of_file ON documents (file) WHERE file IS NOT NULL;
    CREATE INDEX documents_of_original ON documents (original) WHERE original IS NOT NULL;
    CREATE TRIGGER file_changed AFTER DELETE ON documents WHEN old.file IS NOT NULL BEGIN
        DELETE FROM files WHERE key = old.file;
    END;

    CREATE TABLE marks (                -- what people said of answers
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        question TEXT NOT NULL,
        verdict TEXT NOT NULL,          -- right, wrong, absent
        document TEXT,                  -- its id; no reference: a mark outlives the version it is about
        content_hash TEXT,
        start INTEGER,                  -- code points of that version
        "end" INTEGER,
        text TEXT,
        marked_at TEXT NOT NULL
    );
    CREATE INDEX marks_of_question ON marks (question);
    CREATE INDEX marks_of_document ON marks (document);

    CREATE TABLE metadata (             -- one row for each value in documents.metadata; lists have several
        name TEXT NOT NULL,
        kind TEXT NOT NULL,             -- n number, t text, b true or false; null is no row
        value NOT NULL,
        document INTEGER NOT NULL,      -- no reference: triggers keep it
        PRIMARY KEY (name, kind, value, document)
    ) WITHOUT ROWID;
    CREATE INDEX metadata_of_document ON metadata (document);
    -- Text that is a number, as all of CSV is text, counts as a number too.
    INSERT OR IGNORE INTO metadata SELECT e.key,
        CASE e.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
        e.value, new.key FROM documents AS new, json_each(new.metadata) e
        WHERE e.type IN ('text', 'integer', 'real', 'true', 'false');
    INSERT OR IGNORE INTO metadata SELECT e.key,
        CASE i.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
        i.value, new.key FROM documents AS new, json_each(new.metadata) e, json_each(e.value) i
        WHERE e.type = 'array' AND i.type IN ('text', 'integer', 'real', 'true', 'false');
    INSERT OR IGNORE INTO metadata SELECT name, 'n', json_extract(value, '$'), document FROM metadata
        WHERE kind = 't' AND CASE WHEN json_valid(value) THEN json_type(value) END IN ('integer', 'real');
    CREATE TRIGGER metadata_insert AFTER INSERT ON documents BEGIN
        INSERT OR IGNORE INTO metadata SELECT e.key,
        CASE e.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
            e.value, new.key FROM json_each(new.metadata) e
            WHERE e.type IN ('text', 'integer', 'real', 'true', 'false');
        INSERT OR IGNORE INTO metadata SELECT e.key,
        CASE i.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
            i.value, new.key FROM json_each(new.metadata) e, json_each(e.value) i
            WHERE e.type = 'array' AND i.type IN ('text', 'integer', 'real', 'true', 'false');
        INSERT OR IGNORE INTO metadata SELECT name, 'n', json_extract(value, '$'), document FROM metadata
            WHERE document = new.key AND kind = 't'
            AND CASE WHEN json_valid(value) THEN json_type(value) END IN ('integer', 'real');
    END;
    CREATE TRIGGER metadata_delete AFTER DELETE ON documents BEGIN
        DELETE FROM metadata WHERE document = old.key;
    END;

    ALTER TABLE passages ADD COLUMN forms TEXT NOT NULL DEFAULT '';     -- indexed with the text: words.forms_of
    UPDATE passages SET forms = forms_of(prefix || char(10) || text);
    DROP TRIGGER lexical_insert;
    DROP TRIGGER lexical_delete;
    DROP TABLE lexical;
    CREATE VIRTUAL TABLE lexical USING fts5 (
        prefix, text, forms, content = 'passages', content_rowid = 'key',
        tokenize = "porter unicode61 remove_diacritics 2 categories 'L* N* Co M*'"
    );
    INSERT INTO lexical (lexical) VALUES ('rebuild');
    CREATE TRIGGER lexical_insert AFTER INSERT ON passages BEGIN
        INSERT INTO lexical (rowid, prefix, text, forms) VALUES (new.key, new.prefix, new.text, new.forms);
    END;
    CREATE TRIGGER lexical_delete AFTER DELETE ON passages BEGIN
        INSERT INTO lexical (lexical, rowid, prefix, text, forms)
        VALUES ('delete', old.key, old.prefix, old.text, old.forms);
    END;

    CREATE TABLE words (                -- those of words.plain_words in prefix and text
        word TEXT PRIMARY KEY,
        passages INTEGER NOT NULL,      -- how many hold it
        since INTEGER NOT NULL          -- the generation that brought it
    ) WITHOUT ROWID;
    CREATE INDEX words_since ON words (since);
    INSERT INTO words SELECT word.value, count(*), 0
        FROM passages, json_each(plain_words(prefix || char(10) || text)) AS word GROUP BY word.value;

    CREATE TABLE names (                -- titles and headings of documents
        key INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE,
        uses INTEGER NOT NULL
    );
    CREATE VIRTUAL TABLE names_index USING fts5 (
        text, content = 'names', content_rowid = 'key', prefix = '1 2 3',
        tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co M*'"
    );
    CREATE TRIGGER names_insert AFTER INSERT ON names BEGIN
        INSERT INTO names_index (rowid, text) VALUES (new.key, new.text);
    END;
    CREATE TRIGGER names_delete AFTER DELETE ON names BEGIN
        INSERT INTO names_index (names_index, rowid, text) VALUES ('delete', old.key, old.text);
    END;
    CREATE VIEW names_of_documents AS
        SELECT key AS document, title AS text FROM documents WHERE title IS NOT NULL
        UNION ALL
        SELECT documents.key, json_extract(heading.value, '$[2]')
            FROM documents, json_each(documents.headings) AS heading;
    INSERT INTO names (text, uses)
        SELECT text, count(*) FROM names_of_documents WHERE length(text) <= 200 GROUP BY text;
    CREATE TRIGGER names_of_document_insert AFTER INSERT ON documents BEGIN
        INSERT INTO names (text, uses) SELECT text, count(*) FROM names_of_documents
            WHERE document = new.key AND length(text) <= 200 GROUP BY text
            ON CONFLICT (text) DO UPDATE SET uses = uses + excluded.uses;
    END;
    CREATE TRIGGER names_of_document_delete BEFORE DELETE ON documents BEGIN
        INSERT INTO names (text, uses) SELECT text, -count(*) FROM names_of_documents
            WHERE document = old.key AND length(text) <= 200 GROUP BY text
            ON CONFLICT (text) DO UPDATE SET uses = uses + excluded.uses;
        DELETE FROM names WHERE uses <= 0 AND text IN (SELECT text FROM names_of_documents WHERE document = old.key);
    END;
    """,
    """
    CREATE TABLE tombstones (           -- what the latest generations have deleted, for indexes that are behind
        generation INTEGER NOT NULL,
        passage INTEGER NOT NULL,
        PRIMARY KEY (generation, passage)
    ) WITHOUT ROWID;
    CREATE TRIGGER tombstone AFTER DELETE ON passages BEGIN
        INSERT INTO tombstones SELECT value + 1, old.key FROM meta WHERE key = 'generation';
    END;

    CREATE TABLE totals (               -- one row, kept by triggers: to count rows is to read them all
        documents INTEGER NOT NULL,
        passages INTEGER NOT NULL,
        characters INTEGER NOT NULL
    );
    INSERT INTO totals SELECT count(*), coalesce(sum(passages), 0), coalesce(sum(characters), 0) FROM documents;
    CREATE TRIGGER totals_insert AFTER INSERT ON documents BEGIN
        UPDATE totals SET documents = documents + 1, passages = passages + new.passages,
            characters = characters + new.characters;
    END;
    CREATE TRIGGER totals_update AFTER UPDATE OF passages, characters ON documents BEGIN
        UPDATE totals SET passages = passages + new.passages - old.passages,
            characters = characters + new.characters - old.characters;
    END;
    CREATE TRIGGER totals_delete AFTER DELETE ON documents BEGIN
        UPDATE totals SET documents = documents - 1, passages = passages - old.passages,
            characters = characters - old.characters;
    END;
    """,
)
FORMAT_VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Take a database from `version` to the newest, in the transaction that is open."""
    connection.create_function("forms_of", 1, forms_of, deterministic=True)
    connection.create_function("plain_words", 1, lambda text: json.dumps(sorted(plain_words(text))), deterministic=True)
    for migration in MIGRATIONS[version:]:
        for statement in _statements(migration):
            connection.execute(statement)


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """The SQL of every table, index and trigger, by name; those that SQLite makes itself are left out."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return dict(rows.fetchall())


def parts(version: int) -> set[str]:
    """The names of the tables, indexes and triggers that the first `version` migrations make."""
    return {name for migration in MIGRATIONS[:version] for name in _CREATE.findall(migration)}


def _statements(script: str) -> Iterator[str]:
    """The statements of a migration one by one: `executescript` would commit the transaction they belong to."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
