"""Another final choice from a finished search."""
