"""The processes that sign: keys in them, no templates."""
