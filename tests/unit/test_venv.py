"""tools/venv.sh: which Python it takes, and what it says where there is none that the packages run on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# As a Python of that version answers: to `--version`, and to a program that asks for its version and ends with the answer.
PRETENDED = """#!/bin/sh
[ "$1" = --version ] && {{ echo "Python {version}"; exit; }}
[ "$1" = -c ] && exec {python} -c "import sys; sys.version_info = {numbers} + sys.version_info[2:]; exec(sys.argv[1])" "$2"
echo "$*" >>"{asked}"
exit 1
"""


def pretend(folder: Path, name: str, version: str) -> None:
    """Put a Python `name` that says it is of `version` into `folder`; what it is asked beyond that goes to the file `asked`."""
    numbers = tuple(map(int, version.split(".")))
    text = PRETENDED.format(version=version, python=sys.executable, numbers=numbers, asked=folder / "asked")
    (folder / name).write_text(text, encoding="utf-8")
    (folder / name).chmod(0o755)


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tools/venv.sh in `folder`, where no other Python is to be found than those that `pretend` put there."""
    for name in ("sh", "grep", "tail", "awk", "rm"):
        if not (folder / name).exists():
            (folder / name).symlink_to(Path("/usr/bin") / name)
    return subprocess.run(
        ["/bin/sh", str(CHECKOUT / "tools" / "venv.sh"), *arguments],
        cwd=folder, env={"PATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_python_that_is_too_new_for_superset_is_refused_in_one_sentence(tmp_path: Path) -> None:
    pretend(tmp_path, "python3", "3.13.5")
    pretend(tmp_path, "python3.13", "3.13.5")
    refused = make(tmp_path, "bi/superset/constraints.txt", ".venv-bi", "3.12")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "No Python from 3.11 to 3.12 found, which bi/superset/constraints.txt needs (python3 is Python 3.13.5): install one, or"
        " name it, as in 'make PYTHON=/path/to/python3.11 ...'."
    ]
    assert not (tmp_path / "asked").exists()
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    assert "tools/venv.sh bi/superset/constraints.txt .venv-bi 3.12\n" in makefile


@pytest.mark.parametrize(("version", "newest"), [("3.12.4", "3.12"), ("3.13.5", "3.13"), ("3.11.2", "3.12")])
def test_the_python_that_fits_is_asked_for_the_environment(tmp_path: Path, version: str, newest: str) -> None:
    pretend(tmp_path, "python3", "3.9.2")
    pretend(tmp_path, f"python{version[:4]}", version)
    make(tmp_path, "pins.txt", ".venv-bi", newest)
    assert (tmp_path / "asked").read_text(encoding="utf-8").splitlines() == ["-m venv --clear .venv-bi"]


def test_an_environment_of_a_python_that_is_too_new_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".venv-bi" / "bin").mkdir(parents=True)
    pretend(tmp_path / ".venv-bi" / "bin", "python", "3.13.5")
    pretend(tmp_path, "python3.12", "3.12.4")
    make(tmp_path, "pins.txt", ".venv-bi", "3.12")
    assert (tmp_path / "asked").read_text(encoding="utf-8").splitlines() == ["-m venv --clear .venv-bi"]
    assert not (tmp_path / ".venv-bi" / "bin" / "asked").exists()
