"""Pages about runs and studies: one HTML file that needs nothing else."""

from supernas.pages.page import report

__all__ = ["report"]
