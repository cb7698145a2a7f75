"""Floor 4: arguments in, exit code out; one file per command."""
