"""Facts about Amazon SageMaker as dated data: instances, images, frameworks, limits and metrics."""
