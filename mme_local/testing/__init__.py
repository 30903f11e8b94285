"""For other teams' tests: a multi-model endpoint on this machine, with real Triton, for a pytest session."""
