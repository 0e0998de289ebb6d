"""The lake: all events, for as long as SILLAGE_LAKE_DAYS, in files that Iceberg keeps and Spark writes."""

from .session import Lake, LakeError, SparkTroubleError
from .steps import chosen_lake, erase, follow, keep, write

__all__ = ["Lake", "LakeError", "SparkTroubleError", "chosen_lake", "erase", "follow", "keep", "write"]
