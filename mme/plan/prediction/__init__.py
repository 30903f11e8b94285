"""What an endpoint does with traffic: caching, latency, and a simulation of both."""
