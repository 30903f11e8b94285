"""What a model's own file says about its tensors, read without its weights and without its framework."""
