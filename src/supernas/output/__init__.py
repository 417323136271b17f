"""What is taken away: pages about runs, and programs of trained networks."""
