"""Every planned letter, judged by what providers and mail programs make of it."""
