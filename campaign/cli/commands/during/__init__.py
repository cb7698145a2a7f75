"""Commands that send, and those that hold back what is being sent."""
