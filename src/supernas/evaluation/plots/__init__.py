"""Plots of finished runs, as files."""
