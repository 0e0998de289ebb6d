"""collector.toml: what it says, and one sentence for each thing that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from sillage.collector.configuration import Configuration, load
from sillage.settings import SettingError
from support.collector import sendgrid_key
from support.collector_senders import SENDERS, configuration


def told(folder: Path, text: str, mode: int = 0o600, **settings: str) -> Configuration:
    file = folder / "collector.toml"
    file.write_text(text)
    file.chmod(mode)
    return load({"SILLAGE_HOME": str(folder), "SILLAGE_COLLECTOR_CONFIG": str(file), **settings})


def test_without_a_file_it_takes_no_webhook_and_listens_here_alone(tmp_path: Path) -> None:
    found = load({"SILLAGE_HOME": str(tmp_path)})
    assert (dict(found.sources), found.host, found.port, found.workers) == ({}, "127.0.0.1", 8090, 1)
    assert (found.home, found.landing) == (tmp_path / "collector", str(tmp_path / "landing"))


@pytest.mark.parametrize("name", SENDERS)
def test_what_lets_a_provider_in_is_read(tmp_path: Path, name: str) -> None:
    sender = SENDERS[name]
    found = told(tmp_path, configuration([sender]))
    assert found.sources[sender.source] == sender.credentials


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a-signing-key\n")
    text = f'[sources.mailtrap]\nkeys = ["file:{tmp_path / "key"}"]\n'
    assert told(tmp_path, text, 0o644).sources["mailtrap"].keys == ("a-signing-key",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[sources.nobody]\nkeys = ['a']", "there is no source 'nobody'"),
        ("[sources.postmark]", "asks for no proof, so anybody could send events: write logins"),
        ("[sources.sendgrid]", "write keys"),
        ("[sources.ses]\nconfirm = true", "write topics"),
        ("[sources.sendgrid]\nkeys = ['no key']", "cannot be used: no public key"),
        ("[sources.resend]\nkeys = ['whsec_!']", "whsec_ and base64"),
        ("[sources.postmark]\nkeys = ['a']", "signs nothing"),
        ("[sources.postmark]\nlogins = ['short']", "too weak"),
        ("[sources.mandrill]\nkeys = ['a']", "url is missing"),
        ("[sources.brevo]\nlogin = ['a:bcdefghij']", "has login, which nothing reads"),
        ("[sources.brevo]\nlogins = [1]", "no list of texts"),
        ("[sources.brevo]\nlogins = ['a:bcdefghij']\nbody_limit = 1", "body_limit is 1"),
        ("[sources.brevo]\nlogins = ['file:/not/there']", "cannot be read"),
        ("sources = 1", "sources is no table"),
        ("[source.brevo]", "has source, which nothing reads"),
        ("proxies = ['nonsense']", "proxies"),
        ("[consent]\nwithdrawn = 'perhaps'", "withdrawn"),
        ("[pages]\nexpired = 'nowhere'", "whole URL"),
        ("[hand_on]\nurl = 'ftp://a.example'", "whole URL"),
        ("[", "no TOML"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence_that_names_the_file(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(SettingError) as caught:
        told(tmp_path, text)
    assert sentence in str(caught.value) and "collector.toml" in str(caught.value)


def test_secrets_that_everybody_may_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="chmod 600"):
        told(tmp_path, "[sources.brevo]\nlogins = ['a:bcdefghij']", 0o644)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is not there"):
        load({"SILLAGE_HOME": str(tmp_path), "SILLAGE_COLLECTOR_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize("name", ["PORT", "WORKERS", "CLOSE_SECONDS"])
def test_a_number_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    for value in ("many", "-1", "100000"):
        with pytest.raises(SettingError, match=f"SILLAGE_COLLECTOR_{name}"):
            told(tmp_path, "", **{f"SILLAGE_COLLECTOR_{name}": value})


def test_two_keys_stand_side_by_side(tmp_path: Path) -> None:
    (_, one), (_, two) = sendgrid_key(), sendgrid_key()
    assert told(tmp_path, f'[sources.sendgrid]\nkeys = ["{one}", "{two}"]').sources["sendgrid"].keys == (one, two)
