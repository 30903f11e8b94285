"""Load tests: open-loop requests, what they measured, and what a plan learns from it."""
