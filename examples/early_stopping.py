"""Train a network that is too large for 250 patients until it gets no better on others, and keep its best weights.

python examples/early_stopping.py
"""

import graphgrad as gg


def main() -> None:
    gg.manual_seed(0)
    x, x_test, y, y_test = gg.data.train_test_split(*gg.datasets.diabetes(), test_size=0.25)
    x, x_val, y, y_val = gg.data.train_test_split(x, y, test_size=0.25)
    scale_x, scale_y = gg.data.StandardScaler().fit(x), gg.data.StandardScaler().fit(y)  # of what is trained on only
    model = gg.nn.Sequential(gg.nn.Linear(10, 64), gg.nn.ReLU(), gg.nn.Linear(64, 1))
    loss = gg.nn.functional.mse_loss
    history = gg.train.fit(
        model,
        scale_x.transform(x),
        scale_y.transform(y),
        loss=loss,
        optimizer=gg.optim.Adam(model.parameters(), lr=0.01),
        epochs=500,
        validation=(scale_x.transform(x_val), scale_y.transform(y_val)),
        callbacks=[gg.train.EarlyStopping("val_loss", patience=20)],
        progress=False,
    )
    losses = history["val_loss"]
    print(f"stopped after {len(losses)} epochs, the best was number {losses.index(min(losses)) + 1}")
    print(f"training loss:    {history['loss'][-1]:.3f} in the last epoch")
    print(f"validation loss:  {losses[-1]:.3f} in the last epoch, {min(losses):.3f} in the best")
    test = gg.train.evaluate(model, scale_x.transform(x_test), scale_y.transform(y_test), loss=loss)
    print(f"test loss:        {test['loss']:.3f} with the best weights")


if __name__ == "__main__":
    main()
