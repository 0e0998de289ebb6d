"""The landing zone's files into raw.*: what an hour's folder holds, and what became of every file and record."""

from .column_maps import NAME as COLUMNS
from .hours import land, land_group
from .report import LandingReport
from .shares import Share, from_plain, plain
from .zone import LandingError, VanishedError, open_zone

__all__ = [
    "COLUMNS",
    "LandingError",
    "LandingReport",
    "Share",
    "VanishedError",
    "from_plain",
    "land",
    "land_group",
    "open_zone",
    "plain",
]
