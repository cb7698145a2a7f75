"""The journal: what became of every recipient, durable before it counts.

In: entries, then changes.  Out: claims, counts, results, history.  Touches: one database.

The only room that imports sqlalchemy.  `store.Journal` writes, `reader.Reader` reads.
"""
