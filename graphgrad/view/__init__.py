"""Views of a graph: folding, labels, layout, and the scene that every renderer draws."""
