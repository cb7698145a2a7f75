"""What a run does beside its letters: arrivals, mailboxes, ramps, archives, what comes back."""
