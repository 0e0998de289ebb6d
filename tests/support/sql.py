"""Statements of an administrator, outside of any transaction of the product's."""

from __future__ import annotations

from contextlib import closing

import psycopg2


def run_sql(url: str, *statements: str) -> None:
    """Run `statements` on `url`, each in a transaction of its own (as `create database` needs)."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
