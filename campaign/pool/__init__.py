"""Which connection carries the next letter, relay or direct alike."""
