"""How a connection comes to be: dialled, encrypted, greeted, logged in."""
