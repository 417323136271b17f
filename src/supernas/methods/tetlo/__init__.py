"""TETLO and its parts: three levels, what is transferred, the auxiliary model."""

from supernas.methods.tetlo.tetlo import TETLO

__all__ = ["TETLO"]
