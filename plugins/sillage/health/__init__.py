"""How Sillage is, asked from outside: it answers within seconds whatever is dead, because it needs neither scheduler nor database."""

from .finding import Finding, Level, Report
from .probe import Part, ask

__all__ = ["Finding", "Level", "Part", "Report", "ask"]
