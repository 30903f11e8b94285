"""Which instances meet objectives: a grid of types and counts, and the choice."""
