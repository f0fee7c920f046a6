"""The annotations hold: the package says that it is typed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import callrec

PACKAGE = Path(callrec.__file__).parent
# Each line after the first is wrong.
MISUSES = """
import callrec

number: int = callrec.version()
callrec.verify(2)
callrec.library_path("there")
"""


def mypy(*arguments: str) -> str:
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    command = [sys.executable, "-m", "mypy", "--cache-dir=/dev/null", *arguments]
    environment = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    return subprocess.run(command, capture_output=True, text=True, env=environment).stdout


def test_the_package_is_typed():
    assert "no issues found" in mypy("--strict", str(PACKAGE))


def test_wrong_types_are_found(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(MISUSES)
    assert mypy(str(program)).count("error:") == 3
