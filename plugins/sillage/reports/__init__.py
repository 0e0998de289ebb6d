"""Reports of deliveries outside of the tabs: as a file (`sillage report`), and by mail (the DAG `reports`)."""

from .files import write
from .mail import mail
from .trouble import ReportError

__all__ = ["ReportError", "mail", "write"]
