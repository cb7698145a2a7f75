"""The verbs plan, run, resume and test: a letter's walk through the rooms."""
