"""schemathesis against a running server: no server error, and every answer is as the OpenAPI document describes it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.contract

PROGRAM = """
import sys
from pathlib import Path
from spanwise import Settings
from spanwise.api.server import serve
from spanwise.testing import HashEmbedder, ScriptedReader

serve(
    Settings(data=Path(sys.argv[1]), rate_limit="1000000 per minute"), port=0,
    embedder=HashEmbedder(), reader=ScriptedReader(), on_ready=lambda address: print(address, flush=True),
)
"""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,missing_required_header,unsupported_method"  # noqa: E501
"""All but those that ask a schema to say everything, such as that the same id may not stand twice in one list."""


def test_every_answer_is_one_that_is_described(tmp_path: Path) -> None:
    if importlib.util.find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed: pip install 'spanwise[contract]'")
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True) as server:
        watchdog = threading.Timer(300, server.kill)
        watchdog.start()
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"{address}/openapi.json", "--max-examples", "30",
            "--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--seed", "1",
            "--suppress-health-check", "all",
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=240)
        watchdog.cancel()
        server.terminate()
    assert result.returncode == 0, result.stdout[-6_000:]
