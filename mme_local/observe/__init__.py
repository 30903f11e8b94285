"""What can be seen of the local runtime: metrics and logs as in AWS, and a status page."""
