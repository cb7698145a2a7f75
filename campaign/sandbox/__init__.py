"""A mail server on loopback that delivers to nobody: keeps what arrives, plays every mailbox."""
