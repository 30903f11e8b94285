"""What was deployed and published, in a folder: written while a runtime serves, read when one starts."""
