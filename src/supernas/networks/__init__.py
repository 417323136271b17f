"""The networks of the spaces: one skeleton a family, the same class supernet and stand-alone network."""
