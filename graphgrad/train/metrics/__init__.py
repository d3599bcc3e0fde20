"""Metrics: how good a model is, as numbers.

Each is a function, ``metric(outputs, targets)``, of all outputs and targets; most are objects too, with ``update``,
``compute`` and ``reset``, which gather batch by batch and come to the same. Both go into `graphgrad.train.fit` and
`graphgrad.train.evaluate` as ``metrics``.

The functions are called as scikit-learn calls them among its ``scoring`` names, and compute the same; the objects are
called as those of TorchMetrics. As everywhere in PyTorch, the outputs come first, also in `confusion_matrix`,
`roc_curve`, `precision_recall_curve` and `log_loss`, where scikit-learn takes the targets first.
"""

from __future__ import annotations

from graphgrad.train.metrics.averaging import (
    Dice,
    F1Score,
    FBetaScore,
    JaccardIndex,
    Precision,
    Recall,
    Specificity,
    dice,
    f1,
    fbeta,
    jaccard,
    precision,
    recall,
    specificity,
)
from graphgrad.train.metrics.classification import (
    Accuracy,
    BalancedAccuracy,
    CohenKappa,
    MatthewsCorrCoef,
    SystemScores,
    accuracy,
    balanced_accuracy,
    cohen_kappa,
    matthews_corrcoef,
    system_scores,
    zero_one_loss,
)
from graphgrad.train.metrics.confusion import (
    ConfusionMatrix,
    confusion_matrix,
    confusion_table,
    multilabel_confusion_matrix,
    top_confusions,
)
from graphgrad.train.metrics.probability import LogLoss, Perplexity, log_loss, perplexity
from graphgrad.train.metrics.ranking import (
    AUROC,
    AveragePrecision,
    auc,
    average_precision,
    precision_recall_curve,
    roc_auc,
    roc_curve,
)
from graphgrad.train.metrics.reading import Metric, UndefinedMetricWarning
from graphgrad.train.metrics.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
    mean_absolute_error,
    mean_squared_error,
    r2,
    root_mean_squared_error,
)
from graphgrad.train.metrics.report import classification_report
from graphgrad.train.metrics.strategy import (
    Diagnosis,
    ErrorAnalysis,
    combined_score,
    diagnose,
    error_analysis,
    select_model,
)
from graphgrad.train.metrics.top_k import TopKAccuracy, top_k_accuracy

__all__ = [
    "AUROC",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "CohenKappa",
    "ConfusionMatrix",
    "Diagnosis",
    "Dice",
    "ErrorAnalysis",
    "F1Score",
    "FBetaScore",
    "JaccardIndex",
    "LogLoss",
    "MatthewsCorrCoef",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Perplexity",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "Specificity",
    "SystemScores",
    "TopKAccuracy",
    "UndefinedMetricWarning",
    "accuracy",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "classification_report",
    "cohen_kappa",
    "combined_score",
    "confusion_matrix",
    "confusion_table",
    "diagnose",
    "dice",
    "error_analysis",
    "f1",
    "fbeta",
    "jaccard",
    "log_loss",
    "matthews_corrcoef",
    "mean_absolute_error",
    "mean_squared_error",
    "multilabel_confusion_matrix",
    "perplexity",
    "precision",
    "precision_recall_curve",
    "r2",
    "recall",
    "roc_auc",
    "roc_curve",
    "root_mean_squared_error",
    "select_model",
    "specificity",
    "system_scores",
    "top_confusions",
    "top_k_accuracy",
    "zero_one_loss",
]
