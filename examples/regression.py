"""Fit a cubic curve with noise, by a straight line and by a network with tanh.

python examples/regression.py
"""

import graphgrad as gg


def main() -> None:
    gg.manual_seed(0)
    x, y = gg.datasets.cubic(200)
    x, x_test, y, y_test = gg.data.train_test_split(x, y, test_size=0.25)
    scale_x, scale_y = gg.data.StandardScaler().fit(x), gg.data.StandardScaler().fit(y)
    models = {
        "line": gg.nn.Linear(1, 1),
        "tanh": gg.nn.Sequential(gg.nn.Linear(1, 32), gg.nn.Tanh(), gg.nn.Linear(32, 1)),
    }
    for name, model in models.items():
        gg.train.fit(
            model,
            scale_x.transform(x),
            scale_y.transform(y),
            loss=gg.nn.functional.mse_loss,
            optimizer=gg.optim.Adam(model.parameters(), lr=1e-2),
            epochs=200,
        )
        predicted = scale_y.inverse_transform(gg.train.predict(model, scale_x.transform(x_test)).numpy())
        r2 = gg.train.metrics.r2(predicted, y_test)
        error = gg.train.metrics.mean_absolute_error(predicted, y_test)
        print(f"{name}  R² {r2:.3f}, mean absolute error {error:.3f}")


if __name__ == "__main__":
    main()
