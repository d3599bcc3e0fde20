"""Operations on arrays, with NumPy's names: elementwise, reductions, shapes, indexing."""
