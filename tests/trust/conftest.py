"""Short forms of `benchmarks/trust`, whose modules are imported from there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))

from trust.child import Nursery  # noqa: E402
from trust.reporting import in_memory  # noqa: E402
from trust.shim import NoCompiler, compile_shim  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.trust)


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one: the model of the disk knows what was synced, the disk need not."""
    import tempfile

    with tempfile.TemporaryDirectory(dir=in_memory() or tmp_path_factory.mktemp("trust")) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as running:
        yield running


@pytest.fixture(scope="session")
def recording_nursery(memory: Path) -> Iterator[Nursery]:
    """Its children's file changes can be recorded, and made to fail."""
    try:
        library = compile_shim(memory)
    except NoCompiler as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with Nursery(LD_PRELOAD=str(library)) as running:
        yield running
