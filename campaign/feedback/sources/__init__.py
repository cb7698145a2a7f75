"""Where mail that came back is read: folders, files, a mailbox on a server."""
