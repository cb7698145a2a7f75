"""Several workers at one journal in PostgreSQL: who holds what, and whose writes still count."""
