"""What the journal says, for whoever asks; nothing here writes."""
