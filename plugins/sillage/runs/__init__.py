"""Runs of the workflow: whose turn it is to write, what each stage did, and by which rules it counted."""
