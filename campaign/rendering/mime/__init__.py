"""MIME and header fields: the grammar a finished message is written in."""
