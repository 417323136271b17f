"""What a finished search, or an untrained network, says of architectures."""
