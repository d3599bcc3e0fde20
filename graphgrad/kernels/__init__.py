"""Compiled arithmetic on plain arrays: no graph, no operations. Loading a kernel's module loads numba."""
