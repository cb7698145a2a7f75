"""The HTTP API of an open campaign, and a page on which it can be tried."""
