"""AWS's Multi Model Server (MMS) from PyPI, in place of the images that run it."""
