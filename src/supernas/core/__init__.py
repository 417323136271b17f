"""Values and plumbing: what everything else is made of."""
