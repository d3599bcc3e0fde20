"""What `graphgrad.nn.functional` offers: activations, losses, layers as single operations."""
