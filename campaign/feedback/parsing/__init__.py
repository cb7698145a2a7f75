"""One mail to what it says: whom it is about, what happened, in which words.  Pure."""
