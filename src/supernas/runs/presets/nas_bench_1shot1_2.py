"""Presets of the second space of NAS-Bench-1Shot1: those that the three share."""

from supernas.runs.presets._one_shot import OneShotPresets

__all__ = ["OneShotPresets2"]


class OneShotPresets2(OneShotPresets):
    """Sizes of the published skeleton."""
