#!/usr/bin/env python3
"""Compiles and runs each program in C# that the documents of the repository hold.

    documents.py DLL COMPILER...   DLL is Callrec.dll; the working directory gets the programs
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def blocks():
    """Each block, and where it is."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bindings/*/*.md"), *ROOT.glob("examples-c/**/*.md")]
    for document in documents:
        text = document.read_text()
        for block in re.finditer(r"^```(?:csharp|cs)\n(.*?)^```", text, flags=re.M | re.S):
            yield f"{document.relative_to(ROOT)}:{text.count(chr(10), 0, block.start()) + 1}", block[1]


def run(place: str, block: str, directory: Path, dll: Path, compiler: list) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / "Program.cs").write_text(block)
    shutil.copy(dll, directory)
    subprocess.run([*compiler, f"-r:{dll.name}", "-out:Program.exe", "Program.cs"], cwd=directory, check=True)
    done = subprocess.run(["mono", "Program.exe"], cwd=directory, capture_output=True, text=True, timeout=120)
    expected = re.findall(r"^// prints (.*)$", block, flags=re.M)
    if done.returncode or done.stderr or not all(line in done.stdout for line in expected):
        raise SystemExit(f"FAILED  {place}: {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"ok      {place}")


def main() -> None:
    dll, compiler = Path(sys.argv[1]).resolve(), sys.argv[2:]
    found = list(blocks())
    if len(found) < 3:
        raise SystemExit("the documents have no C# any more")
    for number, (place, block) in enumerate(found):
        run(place, block, Path(f"document{number}"), dll, compiler)


if __name__ == "__main__":
    main()
