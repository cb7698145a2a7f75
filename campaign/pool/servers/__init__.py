"""What each mail server has taught us, kept for later runs."""
