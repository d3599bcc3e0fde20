"""The training loop: fit, callbacks, metrics, model selection, sweeps."""

from __future__ import annotations

from graphgrad.train import metrics
from graphgrad.train.callbacks import AnomalyStop, Callback, Checkpoint, CSVLogger, EarlyStopping, LearningRateLog
from graphgrad.train.evaluation import evaluate, predict
from graphgrad.train.fit import fit
from graphgrad.train.history import History
from graphgrad.train.journal import JournalError
from graphgrad.train.plot import Plot, plot_history
from graphgrad.train.progress import Progress
from graphgrad.train.search import coarse_to_fine_search, grid_search, random_search
from graphgrad.train.selection import Curve, FoldScores, cross_validate, learning_curve, validation_curve
from graphgrad.train.spaces import Distribution, choice, integers, loguniform, uniform
from graphgrad.train.statistics import ParameterStatistics, Statistics, statistics_table, weight_statistics
from graphgrad.train.sweep import sweep
from graphgrad.train.sweep_workers import ClusterError
from graphgrad.train.training import Fit
from graphgrad.train.trials import Trial, TrialError, Trials

__all__ = [
    "AnomalyStop",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "ClusterError",
    "Curve",
    "Distribution",
    "EarlyStopping",
    "Fit",
    "FoldScores",
    "History",
    "JournalError",
    "LearningRateLog",
    "ParameterStatistics",
    "Plot",
    "Progress",
    "Statistics",
    "Trial",
    "TrialError",
    "Trials",
    "choice",
    "coarse_to_fine_search",
    "cross_validate",
    "evaluate",
    "fit",
    "grid_search",
    "integers",
    "learning_curve",
    "loguniform",
    "metrics",
    "plot_history",
    "predict",
    "random_search",
    "statistics_table",
    "sweep",
    "uniform",
    "validation_curve",
    "weight_statistics",
]
