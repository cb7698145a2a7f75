"""What happens to letters, told to somebody's web server: signed, at least once, in order."""
