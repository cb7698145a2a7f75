"""E-mail addresses and the tokens made from them."""
