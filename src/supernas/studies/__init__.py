"""What many architectures or many runs say together."""
