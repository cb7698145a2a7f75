"""When each recipient's turn comes, what it waits for, and when the last will be done."""
