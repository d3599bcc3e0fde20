"""The kernels' twins in plain NumPy: the same functions, slower, for comparing and for where nothing is compiled."""
