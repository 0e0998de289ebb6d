"""Why an input record was not landed: stable codes, and what a reader raises. Pure."""

from __future__ import annotations

NOT_JSON = "not_json"
CUT_LINE = "cut_line"
NOT_UTF8 = "not_utf8"
UTF_16 = "utf_16"
NUL_CHARACTER = "nul_character"
LONE_SURROGATE = "lone_surrogate"
TOO_DEEP = "too_deep"
TOO_LARGE = "too_large"
TOO_MANY_RECIPIENTS = "too_many_recipients"
BAD_COLUMNS = "bad_columns"
DAMAGED = "damaged"
EXPANDS_TOO_FAR = "expands_too_far"
UNKNOWN_COMPRESSION = "unknown_compression"
NO_TIME = "no_time"
TIME_IN_FUTURE = "time_in_future"
TIME_BEFORE_2000 = "time_before_2000"
NOT_AN_EVENT = "not_an_event"
BAD_CATALOG_ENTRY = "bad_catalog_entry"
UNREADABLE = "unreadable"
REFUSED_BY_WAREHOUSE = "refused_by_warehouse"


class Rejected(Exception):
    """A record that cannot be landed: `reason` is one of the codes above, `detail` a sentence without addresses."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def out_of_range(moment: int, earliest: int) -> Rejected:
    """Why a record's time `moment` is none that it can have.

    `earliest` is the first that it can have. Both are instants, in microseconds since 1970.
    """
    if moment < earliest:
        return Rejected(TIME_BEFORE_2000, "its time is before the year 2000")
    return Rejected(TIME_IN_FUTURE, "its time is more than a day after the hour in which it arrived")
