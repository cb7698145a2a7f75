"""One runner for one journal, and none while its campaign is paused."""
