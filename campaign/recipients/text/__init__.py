"""Lists of text: their encoding, their head, and where each record begins."""
