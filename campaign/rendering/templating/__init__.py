"""Templates compiled, confined and filled with the cells of a row."""
