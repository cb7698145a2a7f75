"""Figures for monitoring: what Prometheus reads from every long-lived command."""
