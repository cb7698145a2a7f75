"""What providers say of a sender: complaints, rules, block lists."""
