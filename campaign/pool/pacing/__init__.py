"""How fast and how hard a party may be pressed."""
