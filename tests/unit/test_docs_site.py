"""The site of `make docs`: every link of its pages leads to a page of it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("build_docs", CHECKOUT / "tools" / "build_docs.py")
assert _spec and _spec.loader
build_docs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build_docs)


def test_every_page_is_in_the_site_and_every_link_leads_to_one(tmp_path: Path) -> None:
    build_docs.gather(tmp_path)
    pages = sorted(tmp_path.rglob("*.md"))
    assert len(pages) == len(list((CHECKOUT / "docs").rglob("*.md"))) + len(build_docs.TOP)
    links = 0
    for page in pages:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for _, _, target in build_docs.LINK.findall(text):
            path = target.partition("#")[0]
            if "://" in target or not path or path.startswith("mailto:") or "pigeon" in target:
                continue
            links += 1
            assert (page.parent / path).exists(), f"{page.name}: {target}"
    assert links > 100


def test_a_link_to_a_file_that_is_no_page_becomes_its_name(tmp_path: Path) -> None:
    (tmp_path / "bi.md").touch()
    text = "[the package](../dbt_project/consumers/README.md), [BI](bi.md#connect), ![x](images/none.png), [here](#top)"
    assert build_docs.with_links(text, "docs/indicators.md", tmp_path, tmp_path) == (
        "the package (`dbt_project/consumers/README.md`), [BI](bi.md#connect), x (`docs/images/none.png`), [here](#top)"
    )
