"""What is said about runs: pictures and tables."""
