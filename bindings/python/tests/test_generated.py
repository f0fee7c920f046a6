"""The declarations are those of the header, and of the library."""

import ctypes
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from callrec import _abi, constants

BINDINGS = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate", BINDINGS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_those_of_the_header():
    subprocess.run([sys.executable, str(BINDINGS / "generate.py"), "--check"], check=True)


def test_structs_have_the_layout_of_the_compiler(generator, tmp_path):
    """A C program prints the size of each struct and the offset of each member."""
    header = generator.parse(generator.HEADER.read_text())
    lines = []
    for name, fields in header.structs.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        lines += [f'printf("{name}.{one.name} %zu\\n", offsetof({name}, {one.name}));' for one in fields]
    source = tmp_path / "layout.c"
    source.write_text(
        "#include <callrec.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n"
    )
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


def test_every_function_of_the_header_is_declared(generator):
    header = generator.parse(generator.HEADER.read_text())
    exports = (BINDINGS.parent / "tests" / "exports.txt").read_text().split()
    assert sorted(one.name for one in header.functions) == sorted(name for name in exports if name.startswith("rec_"))


def test_the_examples_of_the_documents_compile():
    blocks = []
    for document in [BINDINGS / "python" / "README.md"]:
        blocks += re.findall(r"^```python\n(.*?)^```", document.read_text(), flags=re.M | re.S)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")


def test_constants_have_the_names_of_the_header():
    assert constants.Status.NOT_MONITORABLE == -5
    assert constants.EventKind.FINISHED == 4
    assert constants.EventFlag.NO_AUDIO == 2
    assert constants.PauseMode.SKIP == 1
