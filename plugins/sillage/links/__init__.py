"""Tracked links: what a link of a message carries, and how it is made and read."""
