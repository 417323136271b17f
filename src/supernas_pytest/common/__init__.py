"""The common tests, one file a kind of part: what joins by existing is tested by existing."""
