"""Deployed endpoints: where they are and how to reach them."""
