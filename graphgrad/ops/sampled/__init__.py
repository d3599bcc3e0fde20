"""Random numbers, whose gradients pass where there are any."""
