"""Where mail for a domain goes: hosts, addresses, provider, and how encrypted it must be."""
