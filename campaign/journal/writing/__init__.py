"""Changes of a run on their way to the disk."""
