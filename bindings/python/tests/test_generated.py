"""The declarations are those of the header, and of the library."""

import ctypes
import subprocess
import sys
from pathlib import Path

from callrec import _abi, constants

BINDINGS = Path(__file__).resolve().parents[2]


def test_the_generated_files_are_those_of_the_header():
    subprocess.run([sys.executable, str(BINDINGS / "generate.py"), "--check"], check=True)


def test_structs_have_the_layout_of_the_compiler(generator, header, tmp_path):
    """A C program prints the size of each struct and the offset of each member."""
    source = tmp_path / "layout.c"
    source.write_text(generator.layout_program(header))
    program = tmp_path / "layout"
    subprocess.run(["cc", "-I", str(generator.HEADER.parent), str(source), "-o", str(program)], check=True)
    printed = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    compiled = dict(line.split() for line in printed.splitlines())
    declared = {}
    for name, fields in header.structs.items():
        struct = getattr(_abi, name)
        declared[name] = str(ctypes.sizeof(struct))
        declared.update({f"{name}.{one.name}": str(getattr(struct, one.name).offset) for one in fields})
    assert declared == compiled
    assert len(declared) > 200


def test_every_function_of_the_header_is_declared(header):
    exports = (BINDINGS.parent / "tests" / "exports.txt").read_text().split()
    assert sorted(one.name for one in header.functions) == sorted(name for name in exports if name.startswith("rec_"))


def test_constants_have_the_names_of_the_header():
    assert constants.Status.NOT_MONITORABLE == -5
    assert constants.EventKind.FINISHED == 4
    assert constants.EventFlag.NO_AUDIO == 2
    assert constants.PauseMode.SKIP == 1
