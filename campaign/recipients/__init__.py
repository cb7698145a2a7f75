"""Recipient lists: from files of any kind to clean entries."""
