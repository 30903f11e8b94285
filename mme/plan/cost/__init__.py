"""What endpoints cost, and hosting prices from AWS."""
