"""Presets of the first space of NAS-Bench-1Shot1: those that the three share."""

from supernas.runs.presets._one_shot import OneShotPresets

__all__ = ["OneShotPresets1"]


class OneShotPresets1(OneShotPresets):
    """Sizes of the published skeleton."""
