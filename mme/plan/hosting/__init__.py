"""Which hosting option fits a workload."""
