"""The SageMaker model: container images, their settings, the execution role, the network."""
