"""NVIDIA's Triton server, from its wheel, as one serving container of a local endpoint."""
