"""What became of a campaign, on one page to keep and to hand on."""
