"""What the DARTS convolutional space is made of: its edges and operations, the slots of its nodes, its graphs."""
