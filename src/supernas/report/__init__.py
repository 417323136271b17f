"""Pages about runs and studies: one HTML file that needs nothing else."""

from supernas.report.page import report

__all__ = ["report"]
