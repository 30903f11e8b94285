"""Models with their sizes, and what follows from them."""
