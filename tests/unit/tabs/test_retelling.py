"""Sentences that the warehouse keeps in English, said again in French: none of the package's is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import pytest
import yaml

import sillage
from sillage.quality import boundary
from sillage.tabs import retelling
from sillage.tabs.language import Speech
from sillage.tabs.typography import bound

PACKAGE = Path(sillage.__file__).parent
# What a run, its readers and its checks may write into the warehouse.
ROOMS = ("landing", "transform", "quality", "runs", "reading", "sources", "warehouse", "pipeline.py", "window.py", "settings.py",
         "upkeep/retention.py")  # fmt: skip
# Rooms' files whose words go elsewhere: a page of their own, the roles' and the database's set-up, the list of agents.
ELSEWHERE = {"data_docs.py", "roles.py", "database.py", "user_agents.py", "counting_rules.py"}
# Neither: what goes to the log alone, names of applications, signs that a driver's error is told by.
NO_SENTENCE = re.compile(
    r"What next: |docs/|-c timezone|^sillage [a-z ]+$|runtime error|%[YHm]|savepoint|release |rollback |union all|\(format binary|"
    r"for update|^ for share$|connection to server|to_timestamp|coalesce\(|window_start, |source, |the last try has no pause|extra of \{|"
    r"Unterminated string|Successfully validated|Nothing is older|Dropped 7|Packed 7|No day's records|"
    r"given back|not this run's|every delivery|^delivery 7$|more files have a problem|^savepoint|with no data|doctype"
)
# Made of parts that may be missing: each of their forms is a sentence of its own in fr_told.yml.
COMPOSED = {
    "The late hour 7 is left aside and stays as it was published, because `7` fails with it. 7What to do: remove or repair what is"
    " wrong, which the next run notices by itself; or run the hour alone, with window_start=7 and window_end=7 (make run START=7"
    " END=7). The reason: 7",
    "Its late files: 77. ", "7 (7)7: check SILLAGE_LANDING, 7 and 7; then clear the task.", "7 (7: 7)7: 7, then clear the task.",
    "7: 7 landed, 7 rejected7.", "7 landed and 7 rejected7",
    "7: 77 Why it matters: 7 What to do: 7", "it is no YAML7",
}  # fmt: skip
SQL = re.compile(
    r"\s*(select|insert|update|delete|alter|create|drop|truncate|with|set|lock|copy|from|where|analyze)\b", re.I
)
SAMPLE = "7"


def written(node: ast.expr) -> str | None:
    """The text of a constant or an f-string, SAMPLE for each of its values."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else SAMPLE for one in node.values)
    return None


def left_out(tree: ast.AST) -> set[int]:
    """The nodes of docstrings, of what is logged or compiled, and of parts of f-strings."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            found |= {id(part) for part in node.values}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith(
            ("log.", "logging.", "re.", "AssertionError")
        ):
            found |= {id(part) for part in ast.walk(node)}
    return found


def sentences() -> Iterator[tuple[str, str]]:
    """Every text with words that the rooms may write, and where it stands."""
    for room in ROOMS:
        place = PACKAGE / room
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if file.name in ELSEWHERE:
                continue
            tree = ast.parse(file.read_text(encoding="utf-8"))
            skipped = left_out(tree)
            for node in (one for one in ast.walk(tree) if isinstance(one, ast.expr) and id(one) not in skipped):
                text = written(node)
                if (
                    text
                    and re.search(r"[a-z]{2,},? [a-z]", text, re.I)
                    and "\\" not in text
                    and not SQL.match(text)
                    and not NO_SENTENCE.search(text)
                ):
                    yield f"{file.relative_to(PACKAGE)}:{node.lineno}", text


def filled(form: retelling.Form) -> str:
    return SAMPLE.join(form.literals)


def is_known(text: str) -> bool:
    """Whether a form is this sentence, or holds this part of one, or each sentence of it is known."""
    forms = retelling.forms("fr")
    if (
        text in COMPOSED
        or any(form.values_in(text) is not None for form in forms)
        or any(text in filled(form) for form in forms)
    ):
        return True
    # A plural's letter, or nothing.
    singular = re.sub(r"(?<=[a-z])7(?= )", "", text)
    if singular != text:
        return is_known(singular)
    parts = re.split(r"(?<=[.;:]) ", text.strip())
    return len(parts) > 1 and all(is_known(part) for part in parts)


def test_every_sentence_that_a_run_may_write_has_its_french() -> None:
    found = list(sentences())
    assert len(found) > 180
    missing = [f"{place}: {text}" for place, text in found if not is_known(text)]
    assert not missing, "\n".join(["Add these to plugins/sillage/tabs/words/fr_told.yml:", *missing])


def test_every_text_of_a_rule_has_its_french() -> None:
    texts = set()
    for file in boundary.EXPECTATIONS.glob("*.yml"):
        for asset in yaml.safe_load(file.read_text(encoding="utf-8"))["assets"]:
            texts.add(" ".join(asset["grain"].split()))
            texts |= {" ".join(rule[key].split()) for rule in asset["rules"] for key in ("reason", "what_to_do")}
    assert len(texts) > 90
    french = yaml.safe_load((retelling.WORDS / "fr_rules.yml").read_text(encoding="utf-8"))
    assert texts == set(french)


@pytest.mark.parametrize("name", retelling.FILES)
def test_a_form_keeps_the_places_of_its_values(name: str) -> None:
    for english, french in yaml.safe_load((retelling.WORDS / f"fr_{name}.yml").read_text(encoding="utf-8")).items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", french)), english


HOUR = "window [2026-01-01T00, 2026-01-01T01)"


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("Started check raw.", "Début : contrôle de raw."),
        (
            "Landed [2026-01-01T00, 2026-01-01T01): 10 records from 1 file: 9 landed, 1 rejected (1 not_json). Not read: no source"
            " is named as the landing zone's folder tmp.",
            "[2026-01-01T00, 2026-01-01T01) lue : 10 enregistrements de 1 fichier : lus 9, rejetés 1 (1 not_json). Non lu : aucune"
            " source ne porte le nom du dossier tmp de la zone d'arrivée.",
        ),
        (
            f"Nothing of {HOUR} was published: 1 critical rule failed at the boundary marts.\n1. Critical rule counts on"
            f" marts.links, {HOUR}: failed for 2 of 3 rows (one row for the run). Why it matters: an event without type counts"
            " nowhere. What to do: correct the verdict rules, then clear the run.",
            "Rien de fenêtre [2026-01-01T00, 2026-01-01T01) n'a été publié : 1 règle critique en échec à la frontière marts.\n"
            "1. Règle critique counts sur marts.links, fenêtre [2026-01-01T00, 2026-01-01T01) : non tenue pour 2 lignes sur 3 (une"
            " ligne pour l'exécution). Pourquoi c'est important : un événement sans type ne compte nulle part. Que faire : corrigez"
            " les règles de verdict, puis relancez l'exécution (Clear).",
        ),
        (
            "Published 1 hour: 1 record read = 1 event + 0 duplicates + 0 without event + 0 rejected.",
            "Publication de 1 heure : lecture de 1 enregistrement = 1 événement + 0 doublons + 0 sans événement + 0 rejetés.",
        ),
        # The journal's line of a source's hour.
        (
            "ses 2026-01-03T17:00Z: 1 record from 1 file; 0 landed and 1 rejected (1 cut_line).",
            "ses 2026-01-03T17:00Z : 1 enregistrement de 1 fichier ; lus 0, rejetés 1 (1 cut_line).",
        ),
        (
            "ses 2026-01-03T17:00Z (late): 12 records from 2 files; 12 landed and 0 rejected; 1 file unchanged.",
            "ses 2026-01-03T17:00Z (en retard) : 12 enregistrements de 2 fichiers ; lus 12, rejetés 0 ; 1 fichier inchangé(s).",
        ),
        # An older version's way with the plural.
        (
            "Published 2 hour(s): 9 records read = 8 events + 1 duplicates + 0 without event + 0 rejected.",
            "Publication de 2 heure(s) : lecture de 9 enregistrements = 8 événements + 1 doublons + 0 sans événement + 0 rejetés.",
        ),
        # Of another version, of Postgres, or a file's name: as it stands.
        ("Frobbed 3 hours.", "Frobbed 3 hours."),
        ("Model a failed: relation x is gone", "Échec du modèle a : relation x is gone"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_sentence_of_the_journal_is_said_in_french(english: str, french: str) -> None:
    assert Speech("fr").retell(english) == bound(french)
    assert Speech("en").retell(english) == english


def test_a_long_hostile_text_takes_no_longer_than_its_length() -> None:
    text = "The file " + "of the landing zone cannot be read (" * 20_000
    start = process_time()
    assert retelling.retold(text, "fr") == text
    assert retelling.retold("Model a. " * 2_000, "fr")
    assert process_time() - start < 2
