"""What a callback is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphgrad.train.training import Fit

__all__ = ["EVENTS", "Callback"]


class Callback:
    """Does something at stages of a training (P25.06): subclasses define the events that they want.

    Each event gets the `graphgrad.train.Fit`, which says where the training is; ``fit.stop(reason)`` ends it, and
    ``fit.log(name, value)`` adds a number to the epoch's. What a callback remembers goes into checkpoints if
    `state_dict` returns it.

    Attributes
    ----------
    order
        Callbacks with a higher one come later, others in the order in which they were given. Those that write down
        what an epoch gave have 100, so that all the rest has happened.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Loud(gg.train.Callback):
    ...     def on_epoch_end(self, fit):
    ...         print(f"epoch {fit.epoch}: {sorted(fit.logs)}")
    >>> model = gg.nn.Linear(1, 1)
    >>> history = gg.train.fit(
    ...     model,
    ...     [[0.0], [1.0]],
    ...     [[1.0], [3.0]],
    ...     loss=gg.nn.functional.mse_loss,
    ...     optimizer=gg.optim.SGD(model.parameters(), lr=0.1),
    ...     callbacks=[Loud()],
    ...     progress=False,
    ... )
    epoch 0: ['loss']
    """

    order: int = 0

    def on_fit_begin(self, fit: Fit) -> None:
        """Before the first epoch, after a checkpoint was loaded; the model is put into training mode after this."""

    def on_epoch_begin(self, fit: Fit) -> None:
        """Before an epoch's first batch: ``fit.epoch`` counts from 0. Parts put into evaluation mode here stay so."""

    def on_batch_begin(self, fit: Fit) -> None:
        """Before a batch goes into the model."""

    def on_after_backward(self, fit: Fit) -> None:
        """Gradients are there, as they came: neither clipped nor used. ``fit.loss`` is the batch's.

        `graphgrad.optim.Newton` leaves none: it differentiates the loss itself, after this.
        """

    def on_batch_end(self, fit: Fit) -> None:
        """After the optimiser's step."""

    def on_validation_begin(self, fit: Fit) -> None:
        """Before the validation of an epoch."""

    def on_validation_end(self, fit: Fit) -> None:
        """After the validation of an epoch."""

    def on_epoch_end(self, fit: Fit) -> None:
        """After validation, and after the schedule's step: ``fit.logs`` has the epoch's numbers."""

    def on_interrupt(self, fit: Fit) -> None:
        """A person stopped the training with ^C in the middle of an epoch."""

    def on_fit_end(self, fit: Fit) -> None:
        """After the last epoch, or when the training was stopped; not after an error."""

    def on_error(self, fit: Fit, error: BaseException) -> None:
        """An error ends the training: close what is open."""

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later: what a checkpoint can hold."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a `state_dict` was taken."""


EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))
