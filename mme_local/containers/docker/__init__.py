"""Serving containers under Docker: any multi-model image in place of the wheel's Triton."""
