"""Shared AWS plumbing: settings, sessions and clients."""
