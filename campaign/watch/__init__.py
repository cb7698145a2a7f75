"""A run while it runs, to look at."""
