"""The local runtime: a multi-model endpoint on one localhost address, with real Triton."""
