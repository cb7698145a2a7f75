"""A list, its templates and settings frozen into a journal before anybody is written to."""
