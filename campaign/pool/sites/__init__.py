"""One place mail goes to, with its connections."""
