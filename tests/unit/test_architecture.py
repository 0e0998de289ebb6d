"""The arrows between the rooms: who may import whom, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "plugins" / "sillage"
HEAVY = ("airflow", "great_expectations", "dbt", "cosmos", "pandas")
# The one module of the package that is an Airflow operator: only DAG files import it.
OPERATORS = {"turn.py"}
# Modules that know no other room: they can be read, tested and moved alone.
PURE = ("window.py",)
# What reads and writes the warehouse gets its connections from one place.
CONNECTED = ("landing.py", "stages.py", "quality.py", "models.py")


def imports(path: Path, *, top_level: bool) -> Iterator[str]:
    """The dotted names that a file imports, relative ones resolved to `sillage...`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ("sillage", *path.relative_to(PACKAGE).parent.parts) if path.is_relative_to(PACKAGE) else ()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*above, *([node.module] if node.module else [])))
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_the_package_is_found() -> None:
    assert len(modules()) > 10


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_a_heavy_library_at_its_top(path: Path) -> None:
    if path.name in OPERATORS:
        pytest.skip("an Airflow operator, imported by DAG files only")
    heavy = [name for name in imports(path, top_level=True) if name.split(".")[0] in HEAVY]
    assert not heavy, f"{path} imports {heavy} at its top: import it inside the function that needs it"


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_nothing_of_ours(name: str) -> None:
    path = PACKAGE / name
    assert not [one for one in imports(path, top_level=False) if one.startswith("sillage")]


@pytest.mark.parametrize("name", CONNECTED)
def test_modules_that_reach_the_warehouse_import_its_module(name: str) -> None:
    assert "sillage.warehouse" in set(imports(PACKAGE / name, top_level=False))


def test_only_the_warehouse_module_the_set_up_and_the_tabs_reader_open_connections_of_their_own() -> None:
    opening = {path.name for path in modules() if "psycopg2.connect(" in path.read_text(encoding="utf-8")}
    # The set-up creates databases, which no transaction may hold; the tabs' reader has a login and a cursor of its own.
    assert opening <= {"warehouse.py", "preparation.py", "reader.py"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_operators_and_dags_know_operators_and_nothing_imports_a_dag(path: Path) -> None:
    names = set(imports(path, top_level=False))
    dags = {file.stem for file in (CHECKOUT / "dags").glob("*.py")}
    assert not {name.split(".")[0] for name in names} & (dags | {"dags"})
    assert path.name in OPERATORS or not {f"sillage.{file.removesuffix('.py')}" for file in OPERATORS} & names


def test_no_dag_or_plugin_file_is_named_like_the_package_or_a_library() -> None:
    taken = {"sillage", "types", *HEAVY}
    files = [*(CHECKOUT / "dags").glob("*.py"), *(CHECKOUT / "plugins").glob("*.py")]
    assert not [file for file in files if file.stem in taken]


def test_airflow_is_told_to_leave_the_package_alone() -> None:
    lines = (CHECKOUT / "plugins" / ".airflowignore").read_text(encoding="utf-8").splitlines()
    assert "sillage/" in lines


def test_no_file_has_a_name_that_says_nothing_or_is_too_long_to_read() -> None:
    empty = {"utils", "helpers", "common", "base", "misc"}
    assert not [path for path in modules() if {path.stem, *path.relative_to(PACKAGE).parts} & empty]
    assert not [path for path in modules() if len(path.read_text(encoding="utf-8").splitlines()) >= 400]
