"""The local endpoint: a multi-model endpoint on one localhost address, with real Triton."""
