"""What the tests know of the families of `graphgrad.ops.special`."""
