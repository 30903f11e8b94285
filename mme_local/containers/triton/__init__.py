"""NVIDIA's Triton server from its wheel."""
