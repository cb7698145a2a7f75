"""What every page of ours has in common: its look, its guard at the door, its server."""
