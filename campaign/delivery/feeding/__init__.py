"""Who is next, and the letters that are made for them."""
