"""Archives: where letters of an open campaign go that were settled long ago."""
