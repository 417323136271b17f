"""Networks as they are written for use without the package: each file is one, with an example's constants and tables.

A file imports torch, safetensors and the standard library only. `source.py` takes from it what an architecture needs,
and puts the architecture's own constants and tables in.
"""
