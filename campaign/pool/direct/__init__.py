"""Straight to the mail servers of each domain: where they are, and how they are reached."""
