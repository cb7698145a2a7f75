"""What the model of campaign.toml cannot know: files, addresses, times, secrets, this host."""
