"""Pages about runs and studies: one HTML file that needs nothing else."""

from supernas.output.report.page import report

__all__ = ["report"]
