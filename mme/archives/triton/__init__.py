"""How NVIDIA Triton reads a model archive: layout, config.pbtxt, versions, ensembles and Python code."""
