"""Plan what to deploy: capacity, cost, load tests, and which hosting option fits."""
