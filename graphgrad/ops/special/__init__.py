"""Special functions, through SciPy."""
