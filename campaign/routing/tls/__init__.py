"""How encrypted the way to a domain must be: DANE, MTA-STS, and what stands in certificates."""
