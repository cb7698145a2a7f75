"""Rows on their way into the journal."""
