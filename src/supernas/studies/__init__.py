"""Grids of searches, run in several processes and read as one table."""
