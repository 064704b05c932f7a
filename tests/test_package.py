"""What is installed, what importing it costs, and which way the imports point."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import spanwise
from spanwise import errors

ROOT = Path(__file__).parents[1]
ROOMS = {"api": {"api", "qa", "index"}, "qa": {"qa", "index"}, "index": {"index"}}
FRONT_DOOR = {"errors", "settings", "__version__"}  # all that the rooms may import of src/spanwise
HEAVY = ("faiss", "flask", "langchain_text_splitters", "numpy", "onnxruntime", "sentence_transformers", "torch")
HOME_OF = {
    "faiss": {"index/vectors_faiss.py"},
    "langchain_text_splitters": {"index/splitting_langchain.py"},
    "onnxruntime": {"index/embedding_onnx.py", "qa/reader_onnx.py"},
    "sentence_transformers": {"index/embedding_sentence_transformers.py"},
    "torch": {
        "index/embedding_sentence_transformers.py",
        "index/embedding_torch.py",
        "index/vectors_faiss.py",  # on macOS, where it must come first
        "qa/reader_transformers.py",
    },
}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Those inside `node`, however deep; expressions, which are most of a file, hold none."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, []):
            yield child
            if not isinstance(child, ast.Expr):
                yield from statements(child)


@cache
def imports(file: Path) -> list[tuple[int, str]]:
    """Every import in `file` as (dots, dotted name)."""
    found: list[tuple[int, str]] = []
    for node in statements(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.level, node.module)] if node.module else [(node.level, alias.name) for alias in node.names]
    return found


def sources(*rooms: str) -> list[Path]:
    return [file for room in rooms for file in sorted((ROOT / room).rglob("*.py"))]


def test_the_public_names_are_exactly_all() -> None:
    assert sorted(spanwise.__all__) == spanwise.__all__
    assert all(getattr(spanwise, name) is not None for name in spanwise.__all__)
    tree = ast.parse((ROOT / "src/spanwise/__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) and node.level for alias in node.names
    }
    assert imported <= set(spanwise.__all__)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = spanwise.nonsense


def test_every_error_is_public_and_drawn_in_the_tree() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes <= set(spanwise.__all__)
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in classes)


@pytest.mark.slow
def test_importing_loads_nothing_heavy() -> None:
    code = f"import spanwise, sys; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_imports_point_down_the_house_and_are_parent_relative(room: str) -> None:
    wrong = []
    for file in sources(room):
        depth = len(file.relative_to(ROOT).parts)  # so many dots lead to the package `spanwise`
        for dots, name in imports(file):
            first = name.partition(".")[0]
            absolute = dots == 0 and first in ("spanwise", *ROOMS)
            upwards = dots == depth and first not in ROOMS[room] | FRONT_DOOR
            if absolute or upwards or dots > depth:
                wrong.append(f"{file.relative_to(ROOT)}: {'.' * dots}{name}")
    assert wrong == []


@pytest.mark.parametrize("library", sorted(HOME_OF))
def test_each_heavy_library_is_imported_in_one_file(library: str) -> None:
    homes = {
        file.relative_to(ROOT).as_posix()
        for file in sources("src", "index", "qa", "api")
        if any(dots == 0 and name.partition(".")[0] == library for dots, name in imports(file))
    }
    assert homes == HOME_OF[library]


def test_flask_stays_in_its_room() -> None:
    strays = [
        file.name
        for file in sources("src", "index", "qa")
        if any(dots == 0 and name.partition(".")[0] in ("flask", "apiflask") for dots, name in imports(file))
    ]
    assert strays == []


@pytest.mark.slow
def test_the_wheel_holds_only_spanwise(tmp_path: Path) -> None:
    shutil.rmtree(ROOT / "build", ignore_errors=True)  # setuptools would pack what an earlier build left there
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"spanwise"}
    packed = {name.removeprefix("spanwise/") for name in names}
    assert packed >= {
        "py.typed",
        "index/embedder.onnx",
        "qa/model/reader.onnx",
        "qa/model/tokenizer.json",
        "qa/model/reader.json",
    }
    for room in ROOMS:  # a new folder must be named in pyproject.toml
        assert packed >= {file.relative_to(ROOT).as_posix() for file in sources(room)}


@pytest.mark.slow
def test_bare_rooms_cannot_be_imported() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import index.collection"
    failed = subprocess.run([sys.executable, "-c", code, ROOT], capture_output=True, text=True, check=False)
    assert "attempted relative import beyond top-level package" in failed.stderr
