"""Commands that nobody gets a letter from but whoever asks: made, planned, looked at, checked."""
