"""How one step is taken: of the weights, and of the architecture parameters."""
