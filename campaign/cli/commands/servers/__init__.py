"""Commands that listen until they are stopped."""
