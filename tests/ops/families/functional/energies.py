"""What the tests know of losses of the energies of all answers."""

from __future__ import annotations

from tests.ops.families.functional.margins import one_by_one

READINGS = dict.fromkeys(("energy_loss", "energy_nll_loss", "mee_loss", "perceptron_loss"), one_by_one)
