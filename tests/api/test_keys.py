"""API keys: the file, the command line, and a server that sees a change at once."""

from __future__ import annotations

import json
import socket
import stat
import threading
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

import spanwise
from spanwise import CorruptDataError, InputError, NotFoundError, Settings
from spanwise.api.keys import FILE, KeyFile, PublicGrant, Scope
from spanwise.api.server import serve
from spanwise.cli import main
from spanwise.testing import HashEmbedder


def test_a_key_is_shown_once_and_stored_hashed(tmp_path: Path) -> None:
    key, presented = KeyFile(tmp_path).create("site", Scope.READ, ("handbook",))
    text = (tmp_path / FILE).read_text()
    assert presented.split("_", 2)[2] not in text
    assert len(presented) > 50
    assert KeyFile(tmp_path).read().key(presented) == key
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("change", ["", "x", "sw_", "wrong", None])
def test_what_is_not_the_key_is_none(tmp_path: Path, change: str | None) -> None:
    _, presented = KeyFile(tmp_path).create("", Scope.READ)
    _, other = KeyFile(tmp_path).create("", Scope.ADMIN)
    access = KeyFile(tmp_path).read()
    if change is None:  # one key's id with the other's secret
        change = "_".join([*presented.split("_", 2)[:2], other.split("_", 2)[2]])
    assert access.key(change) is None
    assert access.key(presented + "x") is None
    assert access.key(presented[:-1]) is None
    assert access.key("xx" + presented[2:]) is None


def test_a_revoked_key_is_none_and_stays_listed(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    key, presented = file.create("", Scope.READ)
    revoked = file.revoke(key.id)
    assert file.read().key(presented) is None
    assert file.read().keys == (revoked,)
    assert not file.read().opens_something
    with pytest.raises(NotFoundError, match="There is no key 'nope'"):
        file.revoke("nope")


def test_changes_of_many_threads_are_all_kept(tmp_path: Path) -> None:
    threads = [threading.Thread(target=KeyFile(tmp_path).create, args=(str(n), Scope.READ)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in KeyFile(tmp_path).read().keys} == {str(n) for n in range(12)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, "keys.lock"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [{}], "public": []}', '{"keys": 3, "public": []}'])
def test_a_damaged_file_lets_nobody_in(app: APIFlask, settings: Settings, text: str) -> None:
    settings.data.mkdir()
    (settings.data / FILE).write_text(text)
    with pytest.raises(CorruptDataError):
        KeyFile(settings.data).read()
    response = app.test_client().get("/v1/documents")
    assert response.status_code == 503
    assert str(settings.data) not in response.text


@pytest.mark.parametrize("origin", ["www.example.org", "https://a/b", "ftp://a", "https://a?x", "null", "https://"])
def test_what_is_not_an_origin_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(InputError, match="is not an origin"):
        KeyFile(tmp_path).allow_public(PublicGrant("default", (origin,)))


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def keys(*arguments: str) -> str:
        assert main(["--data", str(tmp_path), "keys", *arguments]) == 0
        return capsys.readouterr().out

    made = json.loads(keys("create", "--name", "site", "--scope", "write", "--only", "a", "--only", "b", "--json"))
    assert KeyFile(tmp_path).read().key(made["key"])
    assert (made["scope"], made["collections"], made["name"]) == ("write", ["a", "b"], "site")
    plain = keys("create").strip()
    assert KeyFile(tmp_path).read().key(plain)

    keys("public", "handbook", "--origin", "https://www.example.org", "--rate", "5 per second")
    listed = keys("list")
    assert made["key"] not in listed
    assert f"{made['id']}  write  a, b" in listed
    assert "public    read   handbook  for https://www.example.org, 5 per second" in listed
    keys("private", "handbook")
    assert json.loads(keys("list", "--json"))["public"] == []
    assert keys("revoke", made["id"]) == f"Revoked {made['id']}.\n"
    assert "revoked" in keys("list")

    for wrong in (
        ["revoke", "nope"],
        ["private", "handbook"],
        ["public", "handbook", "--origin", "x"],
        ["public", "handbook", "--origin", "*", "--rate", "often"],
        ["public", "../x", "--origin", "*"],
    ):
        assert main(["--data", str(tmp_path), "keys", *wrong]) == 2, wrong
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("way", ["library", "command line"])
def test_keys_go_with_a_renamed_collection_and_a_dropped_one_names_those_that_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    spanwise.open(tmp_path, "old", embedder=HashEmbedder()).close()
    keys = KeyFile(tmp_path)
    key, _ = keys.create("importer", Scope.READ, ("old", "other"))
    keys.create("of all", Scope.READ)
    ended, _ = keys.create("ended", Scope.READ, ("new",))
    keys.revoke(ended.id)
    keys.allow_public(PublicGrant("old", ("https://a.example",)))

    def do(verb: str, *names: str) -> None:
        if way == "library":
            getattr(spanwise, verb)(tmp_path, *names)
        else:
            assert main(["--data", str(tmp_path), "collections", verb, *names]) == 0

    do("rename", "old", "new")
    assert keys.read().keys[0].collections == ("new", "other")
    assert [grant.collection for grant in keys.read().public] == ["new"]
    capsys.readouterr()
    do("drop", "new")
    assert keys.read().public == ()
    assert [one.id for one in keys.naming("new")] == [key.id]
    if way == "command line":
        said = capsys.readouterr().out
        assert f"{key.id}  importer" in said
        assert "open a new collection new" in said
        assert ended.id not in said


def test_a_key_is_not_bound_to_what_is_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "keys", "create", "--only", "../x"]) == 2
    assert "is not a collection name" in capsys.readouterr().err
    assert KeyFile(tmp_path).read().keys == ()


def test_a_running_server_sees_changes_at_once(stored: FlaskClient, settings: Settings) -> None:
    assert stored.get("/v1/documents").status_code == 200
    key, presented = KeyFile(settings.data).create("", Scope.READ)
    header = {"Authorization": f"Bearer {presented}"}
    assert stored.get("/v1/documents").status_code == 401
    assert stored.get("/v1/documents", headers=header).status_code == 200
    KeyFile(settings.data).revoke(key.id)
    assert stored.get("/v1/documents", headers=header).status_code == 401
    assert stored.get("/v1/documents").status_code == 401  # a server whose keys are all revoked does not open


def test_a_public_address_wants_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reached(Exception):
        pass

    def reached(settings: object, build: object, listener: socket.socket, *args: object) -> None:
        listener.close()
        raise Reached

    monkeypatch.setattr("spanwise.api.server._Server", reached)
    with pytest.raises(InputError, match="has no API keys"):
        serve(Settings(data=tmp_path), host="0.0.0.0", port=0)
    key, _ = KeyFile(tmp_path).create("", Scope.READ)
    with pytest.raises(Reached):
        serve(Settings(data=tmp_path), host="0.0.0.0", port=0)
    KeyFile(tmp_path).revoke(key.id)
    with pytest.raises(InputError, match="has no API keys"):
        serve(Settings(data=tmp_path), host="0.0.0.0", port=0)
