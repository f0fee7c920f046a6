"""The Python in the documents runs as written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def blocks():
    """Each block of Python in the documents of the repository, and where it is."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bindings/*/*.md"), *ROOT.glob("examples-c/**/*.md")]
    for document in documents:
        text = document.read_text()
        for block in re.finditer(r"^```python\n(.*?)^```", text, flags=re.M | re.S):
            line = text.count("\n", 0, block.start()) + 1
            yield pytest.param(block[1], id=f"{document.relative_to(ROOT)}:{line}")


def test_there_are_blocks():
    assert len(list(blocks())) >= 3


@pytest.mark.parametrize("block", blocks())
def test_the_python_of_the_documents_runs(block, tmp_path):
    (tmp_path / "block.py").write_text(block)
    search = ":".join(str(Path(one).resolve()) for one in sys.path)
    program = f"import sys; sys.path = {search!r}.split(':'); exec(compile(open('block.py').read(), 'block.py', 'exec'), {{'__name__': '__main__'}})"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    expected = re.findall(r"# prints (.*)$", block, flags=re.M)
    assert all(line in done.stdout for line in expected), done.stdout
