"""Networks for handwritten digits: images of 8 × 8 pixels that come as rows of 64 numbers, and MNIST's of 28 × 28."""

from __future__ import annotations

from graphgrad import nn

__all__ = ["digits_cnn", "digits_mlp", "mnist_mlp"]


def digits_mlp() -> nn.Sequential:
    """A network of three affine layers, 17,226 parameters (P07.01).

    Returns
    -------
    Sequential
        Takes (n, 64), gives the logits of the ten digits.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.models.digits_mlp()(gg.zeros((2, 64))).shape
    (2, 10)
    """
    return nn.Sequential(
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 10),
    )


def digits_cnn() -> nn.Sequential:
    """A small convolutional network, 20,378 parameters: two convolutions, each halved by pooling, and a linear layer.

    Returns
    -------
    Sequential
        Takes (n, 64), gives the logits of the ten digits.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.models.digits_cnn()(gg.zeros((2, 64))).shape
    (2, 10)
    """
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(128, 112),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(112, 10),
    )


def mnist_mlp() -> nn.Sequential:
    """A network of two affine layers for MNIST and Fashion-MNIST, 101,770 parameters.

    Returns
    -------
    Sequential
        Takes (n, 1, 28, 28), gives the logits of the ten classes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.models.mnist_mlp()(gg.zeros((2, 1, 28, 28))).shape
    (2, 10)
    """
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
