"""sqlfluff on the dbt project's models and tests, templated by dbt itself, which wants to ask a database: an empty one.

Macros are left out: they are Jinja before they are SQL.
"""

from __future__ import annotations

import os
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


def main() -> int:
    """Lint, and give sqlfluff's exit code."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-lint-"))
    folder.chmod(0o755)  # root's Postgres runs as another user, who must come in
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    try:
        server.start()
        migrate(server.url("postgres"))
        environment = {**os.environ, **dbt_environment(server.url("postgres")), "DO_NOT_TRACK": "1"}
        paths = sys.argv[1:] or ["dbt_project/models", "dbt_project/tests"]
        command = [
            str(Path(sys.executable).parent / "sqlfluff"),
            "lint",
            "--disable-progress-bar",
            "--processes",
            "2",
            *paths,
        ]
        return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
