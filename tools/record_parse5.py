"""Write what parse5 finds in the messages of tests/support/nasty_messages.py into tests/fixtures/links/parse5.json.

parse5 is the parser of jsdom, and an implementation of the HTML standard that shares nothing with ours. The tests compare with
what is written here, so that they need neither node nor a network. Run it after a change of the messages:

    python tools/record_parse5.py
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
RECORDED = CHECKOUT / "tests" / "fixtures" / "links" / "parse5.json"
VERSION = "8.1.1"
sys.path.insert(0, str(CHECKOUT / "tests"))


def digest(value: object) -> str:
    """A short name for `value`."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]


def main() -> None:
    """Run parse5 over all messages: whole answers for the nasty ones, digests for most mutations."""
    from support.nasty_messages import NASTY, messages

    all_messages = messages()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(CHECKOUT / "tools" / "parse5_hrefs.mjs", folder)
        subprocess.run(["npm", "install", "--silent", "--no-audit", f"parse5@{VERSION}"], cwd=folder, check=True)
        told = subprocess.run(
            ["node", "parse5_hrefs.mjs"],
            cwd=folder,
            input=json.dumps(all_messages),
            capture_output=True,
            text=True,
            check=True,
        )
    links = json.loads(told.stdout)
    # Whole where a person will want to read it: what the parsers are known to differ in is a <select>.
    whole = {name for name, text in all_messages.items() if name in NASTY or "<select" in text.lower()}
    lines = [
        json.dumps(
            {"name": name, "message": digest(text), "links": links[name] if name in whole else digest(links[name])}
        )
        for name, text in all_messages.items()
    ]
    RECORDED.write_text("\n".join([json.dumps({"parse5": VERSION}), *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
