"""The pages of docs/ and dbt's own description of every table as one site: `make docs` writes it to the folder named.

The pages link to each other and to files of the repository; the site has the pages, so other links become the files' names.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "plugins"))

from sillage.quickstart.embedded_postgres import Server, free_port  # noqa: E402
from sillage.warehouse import dbt_environment, migrate  # noqa: E402

# Where the pages of the repository's top stand in the site.
TOP = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
MKDOCS = CHECKOUT / ".venv-docs" / "bin" / "mkdocs"
# The theme's own files only: no script of another host.
SETTINGS = """\
site_name: Sillage
theme: {{name: readthedocs, highlightjs: false, include_homepage_in_sidebar: true}}
docs_dir: {pages}
site_dir: {site}
use_directory_urls: false
plugins: [search]
exclude_docs: "!.*"
validation: {{links: {{anchors: warn}}}}
"""


def main() -> int:
    """Build the site in the folder of the command line (docs-site where none is named), and give an exit code."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else "docs-site").absolute()
    with tempfile.TemporaryDirectory(prefix="sillage-docs-") as name:
        folder = Path(name)
        pages = folder / "pages"
        gather(pages)
        settings = folder / "mkdocs.yml"
        settings.write_text(SETTINGS.format(pages=pages, site=site), encoding="utf-8")
        command = [str(MKDOCS), "build", "--strict", "--clean", "--quiet", "--config-file", str(settings)]
        if code := subprocess.run(command, check=False).returncode:
            return code
        return describe_tables(folder, site / "dbt")


def gather(pages: Path) -> None:
    """Copy every page and picture to the folder `pages`, with links as the site needs them."""
    for file in sorted((CHECKOUT / "docs").rglob("*")):
        if file.is_file():
            target = pages / file.relative_to(CHECKOUT / "docs")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    for name, as_name in TOP.items():
        shutil.copyfile(CHECKOUT / name, pages / as_name)
    for page in sorted(pages.rglob("*.md")):
        place = next((top for top, name in TOP.items() if pages / name == page), f"docs/{page.relative_to(pages)}")
        page.write_text(with_links(page.read_text(encoding="utf-8"), place, page.parent, pages), encoding="utf-8")


def with_links(text: str, place: str, folder: Path, pages: Path) -> str:
    """`text` of the page at `place` in the repository, whose copy stands in `folder` of `pages`."""

    def linked(found: re.Match[str]) -> str:
        mark, shown, target = found.groups()
        path, hash_sign, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return found[0]
        file = Path(os.path.normpath(CHECKOUT / Path(place).parent / path)).relative_to(CHECKOUT)
        inner = TOP.get(str(file)) or (str(file.relative_to("docs")) if file.is_relative_to("docs") else "")
        if not inner or not (pages / inner).is_file():
            return f"{shown} (`{file}`)"
        return f"{mark}[{shown}]({os.path.relpath(pages / inner, folder)}{hash_sign}{anchor})"

    return LINK.sub(linked, text)


def describe_tables(folder: Path, target: Path) -> int:
    """Write dbt's description of every table to `target`, as one file. dbt wants a database: an empty one."""
    folder.chmod(0o755)  # root's Postgres runs as another user, who must come in
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    try:
        server.start()
        migrate(server.url("postgres"))
        project = str(CHECKOUT / "dbt_project")
        made = folder / "target"
        command = [
            str(Path(sys.executable).parent / "dbt"), "--quiet", "docs", "generate", "--static", "--empty-catalog",
            "--project-dir", project, "--profiles-dir", project, "--target-path", str(made),
        ]  # fmt: skip
        environment = {
            **os.environ,
            **dbt_environment(server.url("postgres")),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        }
        if code := subprocess.run(command, env=environment, check=False).returncode:
            return code
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made / "static_index.html", target / "index.html")
        return 0
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
