"""What servers say: bytes into replies, replies into what they ask of us."""
