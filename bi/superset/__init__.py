"""Superset as code: its dashboards, made from the marts' contract, and a server of one's own that shows them."""
