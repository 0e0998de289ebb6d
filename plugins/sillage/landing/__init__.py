"""The landing zone's files into raw.*: what an hour's folder holds, and what became of every file and record."""

from .hours import land
from .report import LandingReport
from .zone import LandingError, VanishedError, open_zone

__all__ = ["LandingError", "LandingReport", "VanishedError", "land", "open_zone"]
