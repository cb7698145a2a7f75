"""Which addresses of a list can be written to, found out without writing to them."""
