"""Databases and brokers, real ones, each private."""
