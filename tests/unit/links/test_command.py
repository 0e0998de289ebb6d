"""`sillage links`: files in, files out, and every refusal a sentence."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sillage.links import command
from sillage.links.messages import LinkError
from sillage.links.tokens import CLICK, Keyring, new_key

MAIL = b'<p>\xe9t\xc3\xa9</p>\r\n<a href="https://shop.example.com/a?x=1&amp;y=2">A</a> <a href="#" data-track="mirror">B</a>\r\n'


class House:
    """A folder with a mail and keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "token.keys"
        self.keys.write_text(new_key("k"))
        (folder / "mail.html").write_bytes(MAIL)
        (folder / "mail.txt").write_bytes(b"https://shop.example.com/a?x=1&y=2\r\n")
        self.around = command.Surroundings(
            self.keys, "https://track.example.com", str(folder / "landing"), 20_000, "2026-01-15/09"
        )

    def links(self, *words: str) -> list[str]:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        return list(command.run(parser.parse_args(["--delivery", "winter", *words]), self.around))

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(tmp_path)
    return House(tmp_path)


def test_without_recipients_it_shows_what_would_become_of_each_link(house: House) -> None:
    lines = house.links("--html", "mail.html", "--text", "mail.txt")
    assert [" ".join(line.split()) for line in lines] == [
        "html 1 on click A https://shop.example.com/a?x=1&y=2",
        "html 2 mirror mirror_page B",
        "text 1 on click https://shop.example.com/a?x=1&y=2",
    ]


def test_each_recipient_gets_a_line_and_one_who_is_none_a_reason(house: House) -> None:
    to = house.file(
        "to.csv",
        "recipient_id,message_id,email,mode,allows_opens\nr1,m1,ada@example.com,,yes\n,m2,bo@example.com,,\n\nr3,m3,,of,\n"
        "r4,m4,cy@example.com,off,maybe\nr5,m5,dora@example.com,,no,too much\nr6,m6,eve@example.com,anonymous,\n",
    )
    lines = house.links("--html", "mail.html", "--to", to, "--out", "out", "--days", "30", "--land")
    assert "6 recipients of to.csv = 2 written + 4 rejected (rejected.jsonl says why)." in lines
    messages = [
        json.loads(line)
        for line in (house.folder / "out/messages.jsonl").read_text(errors="surrogateescape").splitlines()
    ]
    assert [message["recipient_id"] for message in messages] == ["r1", "r6"]
    written = messages[0]["html"].encode("utf-8", "surrogateescape")
    # A byte that is no UTF-8 is none of ours to repair.
    assert written.startswith(b'<p>\xe9t\xc3\xa9</p>\r\n<a href="https://track.example.com/r/')
    link = messages[0]["html"].partition("/r/")[2].partition('"')[0]
    assert Keyring.parse(house.keys.read_text()).read(CLICK, link).expires_on == 20_030
    problems = [json.loads(line) for line in (house.folder / "out/rejected.jsonl").read_text().splitlines()]
    assert [problem["line"] for problem in problems] == [3, 5, 6, 7]
    assert "write an id of your own" in problems[0]["reason"] and "write one of individual" in problems[1]["reason"]
    landed = house.folder / "landing/catalog/2026-01-15/09/links-winter.jsonl"
    assert landed.read_bytes() == (house.folder / "out/catalog.jsonl").read_bytes()
    kinds = [json.loads(line)["entry_type"] for line in landed.read_text().splitlines()]
    assert kinds == ["delivery", "link", "link", "message", "recipient", "message"]
    assert (house.folder / "out/mirror/winter.html").read_bytes() == MAIL


def test_messages_that_are_merged_already_get_links_of_their_own(house: House) -> None:
    to = house.file(
        "to.jsonl",
        "".join(
            json.dumps({"recipient_id": str(n), "html": f'<a href="https://shop.example.com/?u={n}">A</a>'}) + "\n"
            for n in range(3)
        )
        + 'nonsense\n[1]\n{"recipient_id": "x"}\n{"recipient_id": ["x"]}\n',
    )
    lines = house.links("--to", to, "--out", "out")
    assert "7 recipients of to.jsonl = 3 written + 4 rejected (rejected.jsonl says why)." in lines
    entries = [json.loads(line) for line in (house.folder / "out/catalog.jsonl").read_text().splitlines()]
    assert [entry.get("url") for entry in entries] == [None, *(f"https://shop.example.com/?u={n}" for n in range(3))]
    assert "html" not in entries[0]


def test_a_template_has_a_table_of_values(house: House) -> None:
    to = house.file("to.csv", "recipient_id\nr1\nr2\n")
    house.links("--html", "mail.html", "--to", to, "--out", "out", "--template", "ses")
    template = (house.folder / "out/template.html").read_bytes()
    assert template.startswith(b'<p>\xe9t\xc3\xa9</p>\r\n<a href="{{sillage_link_1}}">A</a>')
    with (house.folder / "out/values.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["recipient_id"] for row in rows] == ["r1", "r2"]
    assert rows[0]["sillage_link_1"].startswith("https://track.example.com/r/")
    assert (
        json.loads((house.folder / "out/headers.json").read_text())["List-Unsubscribe"] == "<{{sillage_unsubscribe}}>"
    )


def test_one_bad_line_costs_itself_and_a_quote_without_end_is_told(house: House) -> None:
    long = "x" * 200_000
    to = house.file("to.csv", f'recipient_id,email\nr1,a@x\nr2,"a"b\nr3,{long}\nr4,d@x\nr5,"e@x\nr6,f@x\n')
    lines = house.links("--html", "mail.html", "--to", to, "--out", "out")
    assert [line for line in lines if line.startswith("5 recipients of to.csv = 2 written + 3 rejected")]
    problems = [json.loads(line) for line in (house.folder / "out/rejected.jsonl").read_text().splitlines()]
    assert [problem["line"] for problem in problems] == [3, 4, 7]
    assert "each is closed" in problems[-1]["reason"]
    to = house.file("to.csv", "email\na@x\n")
    house.links("--html", "mail.html", "--to", to, "--out", "out")
    assert "names no recipient_id" in (house.folder / "out/rejected.jsonl").read_text()


REFUSED = [
    (["--html", "nope.html"], "nope.html cannot be read (No such file or directory): name a file."),
    ([], "There is no message: name its parts"),
    (["--html", "mail.html", "--to", "mail.txt"], "Nowhere to write to: name a folder with --out."),
    (["--html", "mail.html", "--collector", "x"], "The collector's address is 'x'"),
    (["--html", "mail.html", "--keys", "nope"], "nope is not there: start the collector once"),
    (["--html", "mail.html", "--keys", "mail.txt"], "The keys in mail.txt cannot be used: Line 1 is no key"),
    (["--html", "mail.html", "--days", "-1"], "--days is -1"),
    (["--html", "mail.html", "--days", "99999"], "--days is 99999"),
    (["--html", "mail.html", "--links", "mail.txt"], "mail.txt: no TOML"),
    (["--html", "mail.html", "--template", "x", "--out", "out"], "'x' is no syntax of variables"),
    (["--html", "mail.html", "--strict"], "There are 1 warnings, and --strict takes none."),
    (["--delivery", "", "--html", "mail.html"], "A delivery needs an id"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_what_cannot_be_done_is_one_sentence(house: House, words: list[str], sentence: str) -> None:
    with pytest.raises(LinkError) as error:
        house.links(*words)
    assert str(error.value).startswith(sentence)


def test_a_bucket_is_not_written_to(house: House) -> None:
    house.around = command.Surroundings(house.keys, "https://t.example", "s3://bucket", 1, "2026-01-15/09")
    with pytest.raises(LinkError, match=r"copy catalog\.jsonl of --out into catalog/2026-01-15/09 there"):
        house.links("--html", "mail.html", "--land")


def test_the_shell_has_it_with_the_collectors_keys_and_address(house: House) -> None:
    home = house.folder / "home" / "collector"
    home.mkdir(parents=True)
    house.keys.rename(home / "token.keys")
    environment = {
        **os.environ, "SILLAGE_HOME": str(house.folder / "home"), "SILLAGE_COLLECTOR_URL": "https://click.example.com"
    }  # fmt: skip
    words = [
        "links",
        "--delivery",
        "winter",
        "--html",
        "mail.html",
        "--to",
        house.file("to.csv", "recipient_id\nr1\n"),
        "--out",
        "out",
    ]
    said = subprocess.run(
        [sys.executable, "-m", "sillage", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert "Warning: The message has no text part" in said.stderr
    assert (
        'href="https://click.example.com/r/'
        in json.loads((house.folder / "out/messages.jsonl").read_text(errors="surrogateescape"))["html"]
    )
    said = subprocess.run(
        [sys.executable, "-m", "sillage", *words, "--strict"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        said.returncode == 1 and said.stderr.strip().endswith("--strict takes none.") and "Traceback" not in said.stderr
    )
