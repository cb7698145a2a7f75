"""Rows in, finished messages out; templates never see a secret or a socket."""
