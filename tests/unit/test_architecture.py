"""The arrows between the rooms: which room may import which, read from the source itself and from docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "plugins" / "sillage"
HEAVY = ("airflow", "great_expectations", "dbt", "pandas")
# The rooms that Airflow loads, and nobody else: they derive from its classes.
OF_AIRFLOW = {"airflow_turn", "airflow_dags", "airflow_tabs"}
# A room is a folder of the package, or a module beside them. What is not in this table is not allowed.
ARROWS: dict[str, set[str]] = {
    "reading": set(),
    "window": set(),
    "privacy": set(),
    "counted": set(),
    "airflow_settings": set(),
    "settings": {"airflow_settings"},
    "sources": {"reading"},
    "warehouse": set(),
    "runs": {"warehouse", "window", "privacy", "counted"},
    "landing": {"reading", "sources", "runs", "warehouse", "window", "privacy", "counted"},
    "transform": {"runs", "warehouse", "settings", "privacy", "counted"},
    "quality": {"runs", "warehouse", "settings", "window", "privacy", "counted"},
    "upkeep": {"runs", "privacy", "counted"},
    "lake": {"runs", "warehouse", "settings", "counted"},
    "pipeline": {
        "lake",
        "landing",
        "transform",
        "quality",
        "upkeep",
        "runs",
        "warehouse",
        "settings",
        "window",
        "privacy",
        "counted",
    },
    "maintenance": {"lake", "pipeline", "upkeep", "settings", "counted"},
    "backup": {"transform", "upkeep", "runs", "warehouse", "counted"},
    "health": {"warehouse", "window", "privacy", "counted"},
    "alerts": {"health", "settings", "privacy"},
    "airflow_preload": set(),
    "airflow_turn": {"pipeline", "runs", "warehouse"},
    "airflow_dags": {"airflow_turn", "alerts", "maintenance", "pipeline", "reports", "settings", "transform"},
    "tabs": {"runs", "warehouse", "settings", "privacy"},
    "reports": {"tabs", "settings", "privacy", "counted"},
    "airflow_tabs": {"tabs"},
    "installation": {"airflow_settings", "transform", "warehouse", "settings"},
    "outbox": {"landing", "warehouse"},
    "demo": {"window"},
    "links": set(),
    "collector": {"reading", "links", "settings"},
    "imports": set(),
    "quickstart": {
        "lake",
        "counted",
        "alerts",
        "backup",
        "upkeep",
        "pipeline",
        "health",
        "landing",
        "sources",
        "quality",
        "transform",
        "runs",
        "warehouse",
        "settings",
        "window",
    },
    "proof": {"links", "quickstart", "tabs", "window"},
    "arguments": {"imports", "links", "proof"},
    "__main__": {
        "arguments",
        "backup",
        "upkeep",
        "alerts",
        "collector",
        "links",
        "proof",
        "reports",
        "health",
        "quickstart",
        "installation",
        "imports",
        "lake",
        "outbox",
        "airflow_settings",
        "settings",
        "transform",
        "warehouse",
        "window",
    },
}
# Who may speak to Postgres.
CONNECTED = {
    "warehouse",
    "outbox",
    "imports",
    "landing",
    "runs",
    "transform",
    "quality",
    "upkeep",
    "backup",
    "tabs",
    "quickstart",
    "pipeline",
    "health",
    "lake",
}
# Modules here know the bytes they are given and nothing of the machine: no database, no clock, no setting.
PURE = {"reading", "window", "sources", "links"}
WRITING = re.compile(
    r"\b(insert\s+into|update\s+\w+\.|delete\s+from|truncate|create\s+\w+|alter\s+\w+|drop\s+\w+)\b", re.I
)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
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


def rooms_imported(path: Path) -> set[str]:
    """The other rooms that a file imports; the package's version is no room."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("sillage.")}
    return names - {room_of(path), "__version__"}


every_module = pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))


def test_every_room_is_in_the_table_and_every_room_of_the_table_is_there() -> None:
    assert {room_of(path) for path in modules()} - {"__init__"} == set(ARROWS)


@every_module
def test_a_room_imports_only_those_that_the_table_lets_it(path: Path) -> None:
    wrong = rooms_imported(path) - ARROWS.get(room_of(path), set())
    assert not wrong, f"{path.relative_to(CHECKOUT)} imports {sorted(wrong)}: see the table in docs/architecture.md"


def test_no_arrow_of_the_table_is_unused() -> None:
    drawn: dict[str, set[str]] = {}
    for path in modules():
        drawn.setdefault(room_of(path), set()).update(rooms_imported(path))
    assert {room: sorted(drawn[room]) for room in ARROWS} == {room: sorted(to) for room, to in ARROWS.items()}


def test_the_arrows_make_no_circle() -> None:
    try:
        TopologicalSorter(ARROWS).prepare()
    except CycleError as error:
        pytest.fail(f"These rooms import each other in a circle: {error.args[1]}")


def test_the_documentation_shows_the_same_table() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("### Arrows") :].partition("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \|(.*?)\| (yes|no) \|$", table, re.MULTILINE)
    assert {room: set(re.findall(r"`(\w+)`", to)) for room, to, _ in found} == ARROWS
    assert {room for room, _, speaks in found if speaks == "yes"} == CONNECTED


@every_module
def test_no_module_imports_a_heavy_library_at_its_top(path: Path) -> None:
    if room_of(path) in OF_AIRFLOW:
        pytest.skip("loaded by Airflow only")
    heavy = [name for name in imports(path, top_level=True) if name.split(".")[0] in HEAVY]
    assert not heavy, f"{path} imports {heavy} at its top: import it inside the function that needs it"


@every_module
def test_only_rooms_that_need_postgres_speak_to_it(path: Path) -> None:
    if room_of(path) not in CONNECTED:
        assert "psycopg2" not in {name.split(".")[0] for name in imports(path)}


@every_module
def test_what_is_pure_knows_no_database_no_clock_and_no_setting(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if room_of(path) not in PURE and not re.search(r"\bPure\b", ast.get_docstring(ast.parse(text)) or ""):
        pytest.skip("not pure")
    banned = {"psycopg2", "airflow", "time", "os", "random", "socket", "urllib.request"}
    assert not {part for name in imports(path) for part in (name, name.split(".")[0])} & banned
    assert not re.search(r"\bnow\(|\btoday\(|utcnow", text)


@every_module
def test_the_tabs_only_read(path: Path) -> None:
    if path.is_relative_to(PACKAGE / "tabs"):
        strings = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert not [text for text in strings if "select" in text.lower() and WRITING.search(text)]


def test_the_writers_turn_is_written_in_one_module() -> None:
    writing = {
        path.name
        for path in modules()
        if re.search(r"(update|insert into|delete from) ops\.writer", path.read_text(encoding="utf-8"))
    }
    assert writing == {"turn.py"}


def test_only_the_warehouse_the_set_up_and_the_tabs_reader_open_connections_of_their_own() -> None:
    opening = {path.name for path in modules() if "psycopg2.connect(" in path.read_text(encoding="utf-8")}
    # The set-up creates databases, which no transaction may hold; the tabs' reader has a login and a cursor of its own; an
    # import reads the database of somebody else.
    assert opening <= {"connection.py", "preparation.py", "reader.py", "listmonk.py"}


@every_module
def test_nothing_imports_a_dag(path: Path) -> None:
    dags = {file.stem for file in (CHECKOUT / "dags").glob("*.py")}
    assert not {name.split(".")[0] for name in imports(path)} & (dags | {"dags"})


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
