"""Where models are stored: the bucket, and the prefix in it that an endpoint serves."""
