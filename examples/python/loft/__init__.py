"""What is Loft's own: plain Python, without the host."""
