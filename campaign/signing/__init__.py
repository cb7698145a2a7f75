"""DKIM: keys and their records, the table of header fields, the signature of a letter."""
