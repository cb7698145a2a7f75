"""Proof that a journal adds up: the claims about it, and what speaks against each."""
