"""HTML made from Markdown, with its styles inlined; text made from HTML."""
