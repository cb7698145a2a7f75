"""Send one personal message to each person on a list, and prove what became of every one."""

__version__ = "0.2.0"
