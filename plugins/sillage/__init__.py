"""Sillage: e-mail tracking, one window at a time. A file per noun that a user knows."""

__version__ = "0.1.0"
