"""The command line itself: how it is read, how it ends, and its page in the manual."""
