"""What Triton's own backends refuse and complete; the local ones run copies, so these import nothing."""
