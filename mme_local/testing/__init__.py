"""A pytest plugin for other teams: a multi-model endpoint on this machine, with real Triton."""
