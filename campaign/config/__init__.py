"""campaign.toml read and checked whole: `load(path)` gives a `Campaign`, or every fault at once."""
