"""Make Superset's user, or give it its password anew. Runs in Superset's own environment; serve.py calls it."""

from __future__ import annotations

import os

from superset.app import create_app


def main() -> None:
    """Make the user of SILLAGE_BI_USER with the password of SILLAGE_BI_PASSWORD (or its file), as an administrator."""
    with create_app().app_context():
        from superset import security_manager

        name, file = os.environ["SILLAGE_BI_USER"], os.environ.get("SILLAGE_BI_PASSWORD_FILE")
        password = open(file).read().strip() if file else os.environ["SILLAGE_BI_PASSWORD"]  # noqa: SIM115, PTH123
        if user := security_manager.find_user(name):
            security_manager.reset_password(user.id, password)
        else:
            role = security_manager.find_role("Admin")
            security_manager.add_user(name, "Sillage", "Admin", "admin@localhost", role, password=password)


if __name__ == "__main__":
    main()
