"""A warehouse that does not answer, or only for now: told in a sentence, and told from what it refuses for good."""

from __future__ import annotations

import pytest

from sillage.warehouse import WarehouseError, connect, is_passing


def test_a_warehouse_that_does_not_answer_is_told_with_its_place_and_what_to_do() -> None:
    with (
        pytest.raises(WarehouseError, match=r"(?s)does not answer .*port 1 failed.*make status") as raised,
        connect("postgresql://nobody:secret-word@127.0.0.1:1/none"),
    ):
        pass
    assert "secret-word" not in str(raised.value)


# dbt hands on only the words of Postgres and libpq.
@pytest.mark.parametrize(
    "said",
    [
        'could not extend file "base/16384/16400": No space left on device\n  HINT:  Check free disk space.',
        'connection to server at "127.0.0.1", port 5432 failed: Connection refused',
        "server closed the connection unexpectedly",
        "terminating connection due to administrator command",
        "FATAL:  the database system is starting up",
        "FATAL:  sorry, too many clients already",
        'could not translate host name "warehouse" to address: Temporary failure in name resolution',
        "deadlock detected",
        "canceling statement due to lock timeout",
    ],
)
def test_a_full_disk_and_a_server_that_is_away_are_worth_another_try(said: str) -> None:
    assert is_passing(f"Database Error in model int_events (models/int_events.sql)\n  {said}")


@pytest.mark.parametrize(
    "said",
    [
        'new row for relation "delivery_activity" violates check constraint "delivery_activity_check"',
        'relation "raw.pigeons" does not exist',
        "permission denied for schema work",
        "division by zero",
    ],
)
def test_what_the_warehouse_refuses_for_good_is_not_tried_again(said: str) -> None:
    assert not is_passing(f"Database Error in model int_events (models/int_events.sql)\n  {said}")
