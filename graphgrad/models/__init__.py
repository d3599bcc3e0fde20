"""Named models, and how each of them is trained by ``graphgrad run``."""

from __future__ import annotations

from graphgrad.models.digits import digits_cnn, digits_mlp, mnist_mlp
from graphgrad.models.recipe import RECIPES, Outcome, Recipe, names, recipe

__all__ = ["RECIPES", "Outcome", "Recipe", "digits_cnn", "digits_mlp", "mnist_mlp", "names", "recipe"]
