"""The checks at the two boundaries, raw and marts, with Great Expectations."""

from .boundary import EXPECTATIONS, QualityError, QualityReport, check

__all__ = ["EXPECTATIONS", "QualityError", "QualityReport", "check"]
