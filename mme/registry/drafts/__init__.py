"""Make a model directory from a model file: its layout, configuration and an example request."""
