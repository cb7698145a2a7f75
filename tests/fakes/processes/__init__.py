"""The program as processes that are watched, stopped, killed and followed up."""
