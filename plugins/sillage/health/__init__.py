"""How Sillage is, asked from outside: it answers within seconds whatever is dead, because it needs neither scheduler nor database."""

from .finding import Finding, Level, Report
from .probe import Part, ask
from .warehouse_facts import failed_run

__all__ = ["Finding", "Level", "Part", "Report", "ask", "failed_run"]
