"""What comes back: bounces, complaints, unsubscribes and replies, into journals and the store."""
