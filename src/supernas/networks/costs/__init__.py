"""What a network costs, and spaces that keep to a budget."""
