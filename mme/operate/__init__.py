"""Inspect, repair and clean up deployed endpoints; one module or package per question."""
