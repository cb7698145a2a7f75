"""Commands that tell what became of it."""
