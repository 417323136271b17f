"""BaLeNAS and its parts: what moves a Gaussian over architecture parameters."""

from supernas.methods.balenas.balenas import BaLeNAS

__all__ = ["BaLeNAS"]
