"""The links between a search's images and the true accuracy of what it returns, measured each apart.

docs/guides/search-quality.md says what is measured and how the figures are read.
"""
