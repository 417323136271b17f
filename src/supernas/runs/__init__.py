"""A run: configured, looped, watched, stopped, saved, resumed."""
