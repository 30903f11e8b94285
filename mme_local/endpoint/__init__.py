"""The data plane: drives `mme.fleet` with real containers."""
