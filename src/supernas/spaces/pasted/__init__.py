"""Architectures as people paste them: what is given, whatever the space, and the cells of NAS-Bench-201."""

from supernas.spaces.pasted.given import LONGEST, pasted, plain_numbers

__all__ = ["LONGEST", "pasted", "plain_numbers"]
