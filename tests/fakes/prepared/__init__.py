"""Campaigns, lists, journals and letters, made ready for a test."""
