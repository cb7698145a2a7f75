"""Letters that applications ask for one by one, accepted for an open campaign."""
