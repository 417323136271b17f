"""supernas: one-shot neural architecture search that does what the papers' equations say."""
