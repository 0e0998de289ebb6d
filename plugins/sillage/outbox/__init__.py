"""What is handed back to sending tools: files for them, in a folder or a bucket."""

from .engagement import COLUMNS, Written, export
from .places import OutboxError

__all__ = ["COLUMNS", "OutboxError", "Written", "export"]
