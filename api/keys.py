"""API keys and public grants: who may do what. Kept in `DATA_DIR/keys.json`, where a server sees a change at once.

A key's secret is 256 random bits, so its plain SHA-256 is stored: a slow hash such as scrypt protects secrets that can
be guessed, and these cannot, while it would cost every request its time. A stolen file opens nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import CorruptDataError, InputError, NotFoundError, StorageError
from ..index.durable import make_folder, sync_folder, write_file
from ..index.storage import check_data_folder

FILE = "keys.json"
PREFIX = "sw"
ANY_ORIGIN = "*"
DEFAULT_PUBLIC_RATE = "60 per minute"


class Scope(IntEnum):
    """What a key allows; each holds those before it."""

    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored: without its secret."""

    id: str
    name: str
    scope: Scope
    collections: tuple[str, ...] | None
    """The collections it opens; None opens all."""
    digest: str
    """SHA-256 of the secret, in hexadecimal."""
    created_at: str
    revoked_at: str | None = None

    def matches(self, secret: str) -> bool:
        """Whether `secret` is this key's; takes the same time wherever they differ."""
        return hmac.compare_digest(self.digest, _digest(secret))


@dataclass(frozen=True, slots=True)
class PublicGrant:
    """A collection that pages may read without a key, because a browser cannot hold a secret."""

    collection: str
    origins: tuple[str, ...]
    """Origins whose pages may ask, like `https://www.example.org`; `*` for all."""
    rate: str = DEFAULT_PUBLIC_RATE
    """For each address that asks, in the words of the `limits` library."""

    def allows(self, origin: str) -> bool:
        return origin in self.origins or ANY_ORIGIN in self.origins


@dataclass(frozen=True, slots=True)
class Access:
    """What the file says: every key there ever was, and the public grants."""

    keys: tuple[Key, ...] = ()
    public: tuple[PublicGrant, ...] = ()

    @property
    def opens_something(self) -> bool:
        """Whether anyone could be let in by it."""
        return bool(self.public) or any(key.revoked_at is None for key in self.keys)

    def key(self, presented: str) -> Key | None:
        """The key that was presented, if it is one and was not revoked."""
        prefix, _, rest = presented.partition("_")
        key_id, _, secret = rest.partition("_")
        known = {key.id: key for key in self.keys if key.revoked_at is None}
        key = known.get(key_id, _NO_KEY)
        matches = key.matches(secret)  # also for an unknown id, which then takes as long
        return key if matches and prefix == PREFIX and key is not _NO_KEY else None

    def grant(self, collection: str) -> PublicGrant | None:
        """The public grant for that collection, if there is one."""
        return next((grant for grant in self.public if grant.collection == collection), None)


class KeyFile:
    """The file of keys in a data folder. Changes are atomic; readers see a change with their next `read`."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._access = Access()

    def read(self) -> Access:
        """What the file says now; nothing where there is none. Raises CorruptDataError, StorageError."""
        check_data_folder(self._path.parent)
        with self._lock:
            try:
                stat = self._path.stat()
                seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                if seen != self._seen:
                    self._access, self._seen = _parsed(self._path.read_bytes()), seen
            except FileNotFoundError:
                self._access, self._seen = Access(), None
            except StorageError:
                raise
            except OSError as error:
                raise StorageError(
                    f"The keys cannot be read: {error.strerror}.", way_out=f"Make {self._path} readable."
                ) from None
            return self._access

    def create(self, name: str, scope: Scope, collections: tuple[str, ...] | None = None) -> tuple[Key, str]:
        """Store a new key; the key, and what its holder presents, which is shown this once."""
        secret = secrets.token_urlsafe(32)
        key = Key(secrets.token_hex(4), name, scope, collections, _digest(secret), _now())
        with self._changing() as access:
            self._write(replace(access, keys=(*access.keys, key)))
        return key, f"{PREFIX}_{key.id}_{secret}"

    def revoke(self, key_id: str) -> Key:
        """Revoke a key, at once and for good. Raises NotFoundError."""
        with self._changing() as access:
            key = next((key for key in access.keys if key.id == key_id), None)
            if key is None:
                raise NotFoundError(
                    f"There is no key {key_id[:80]!r}.", subject=key_id, way_out="`spanwise keys list` names them."
                )
            revoked = replace(key, revoked_at=key.revoked_at or _now())
            self._write(replace(access, keys=tuple(revoked if one is key else one for one in access.keys)))
        return revoked

    def allow_public(self, grant: PublicGrant) -> None:
        """Open a collection to pages of the grant's origins, in the place of an earlier grant. Raises InputError."""
        for origin in grant.origins:
            if origin != ANY_ORIGIN:
                check_origin(origin)
        with self._changing() as access:
            others = tuple(one for one in access.public if one.collection != grant.collection)
            self._write(replace(access, public=(*others, grant)))

    def withdraw_public(self, collection: str) -> None:
        """Close a collection to callers without a key. Raises NotFoundError."""
        with self._changing() as access:
            others = tuple(one for one in access.public if one.collection != collection)
            if len(others) == len(access.public):
                raise NotFoundError(
                    f"Collection {collection!r} is not public.", subject=collection, way_out="See `spanwise keys list`."
                )
            self._write(replace(access, public=others))

    def forget_collection(self, collection: str) -> None:
        """Withdraw the grant of a collection that is gone, so that a new one of that name is not public.

        Keys that name it stay: whoever drops a collection to fill it anew expects those who were let in to come back.
        """
        if self.read().grant(collection):
            with suppress(NotFoundError):
                self.withdraw_public(collection)

    def naming(self, collection: str) -> list[Key]:
        """The keys, not revoked, that are bound to some collections and name this one."""
        return [key for key in self.read().keys if key.revoked_at is None and collection in (key.collections or ())]

    def rename_collection(self, collection: str, new_name: str) -> None:
        """Let grants and keys of a collection go with it to its new name."""

        def renamed(name: str) -> str:
            return new_name if name == collection else name

        access = self.read()
        if not access.grant(collection) and not any(collection in (key.collections or ()) for key in access.keys):
            return
        with self._changing() as access:
            keys = tuple(
                replace(key, collections=None if key.collections is None else tuple(map(renamed, key.collections)))
                for key in access.keys
            )
            public = tuple(replace(one, collection=renamed(one.collection)) for one in access.public)
            self._write(Access(keys, public))

    @contextmanager
    def _changing(self) -> Iterator[Access]:
        """What the file says, while no other process changes it."""
        check_data_folder(self._path.parent)
        try:
            make_folder(self._path.parent)
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield self.read()
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(
                f"The keys cannot be stored: {error.strerror}.",
                way_out=f"Check that {self._path.parent} has space and can be written.",
            ) from None

    def _write(self, access: Access) -> None:
        text = json.dumps({"version": 1, **asdict(access)}, ensure_ascii=False, indent=2)
        write_file(self._path, text.encode())  # only its owner may read it
        sync_folder(self._path.parent)


def _parsed(raw: bytes) -> Access:
    try:
        said = json.loads(raw)
        return Access(
            tuple(
                Key(**{**key, "scope": Scope(key["scope"]), "collections": _names(key["collections"])})
                for key in said["keys"]
            ),
            tuple(PublicGrant(one["collection"], tuple(one["origins"]), one["rate"]) for one in said["public"]),
        )
    except (ValueError, KeyError, TypeError):
        raise CorruptDataError(f"{FILE} is damaged.", way_out="Restore it; until then nobody is let in.") from None


def _names(names: Any) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def check_origin(origin: str, setting: str = "") -> None:
    """Raises InputError for what no page sends as its origin. `setting` is where it stands, if in one."""
    try:
        parts = urlsplit(origin)
        sound = f"{parts.scheme}://{parts.netloc}" == origin.lower() == origin and bool(parts.hostname)
        sound = sound and parts.username is None and parts.port != 0
    except ValueError:  # a port that is no number, half an address in brackets
        sound = False
    if not sound or (not setting and parts.scheme not in ("http", "https")):
        raise InputError(
            f"{origin!r}{f' in {setting}' if setting else ''} is not an origin.",
            subject=origin,
            way_out="Write it like https://www.example.org, in lower case and without a slash at its end"
            + ("." if setting else ", or *."),
        )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


_NO_KEY = Key("", "", Scope.READ, (), _digest(secrets.token_urlsafe(32)), "")
