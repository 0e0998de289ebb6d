"""The landing zone's files into raw.*: what an hour's folder holds, and what became of every file and record."""

from .column_maps import NAME as COLUMNS
from .hours import land
from .report import LandingReport
from .zone import LandingError, VanishedError, open_zone

__all__ = ["COLUMNS", "LandingError", "LandingReport", "VanishedError", "land", "open_zone"]
