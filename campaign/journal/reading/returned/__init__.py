"""What came back: told, counted, and traced to the letters and people that it concerns."""
