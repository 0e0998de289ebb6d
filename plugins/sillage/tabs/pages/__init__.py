"""The routes, a file per thing that a user looks for."""
