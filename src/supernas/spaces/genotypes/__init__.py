"""`Genotype(...)`: the text in which DARTS and its descendants publish cells, and published cells by name."""

from supernas.spaces.genotypes.text import Field, published_name, read_genotype, write_genotype

__all__ = ["Field", "published_name", "read_genotype", "write_genotype"]
