"""Readers of image files, one file a format: each answers `found(folder)` and `read(folder)`."""
