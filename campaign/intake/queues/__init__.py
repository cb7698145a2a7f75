"""Letters that come through message brokers: acknowledged once they are kept, and not before."""
