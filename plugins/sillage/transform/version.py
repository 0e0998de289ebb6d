"""Which version prepares a run's changes: what one version has prepared, another does not publish."""

from __future__ import annotations

import hashlib

from .. import __version__, settings

# What dbt builds with. Seeds are an operator's data, and change between two runs of one version.
_PARTS = ("models", "macros")


def of_this_code() -> str:
    """The version of this code, with a digest of the dbt project: a checkout changes without a new number."""
    project = settings.resource("dbt_project")
    digest = hashlib.sha256()
    files = [path for part in _PARTS for path in (project / part).rglob("*") if path.suffix in (".sql", ".yml")]
    for path in sorted([project / "dbt_project.yml", *files]):
        digest.update(path.relative_to(project).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:12]}"
