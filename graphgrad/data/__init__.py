"""Data on its way to a model: data sets, loaders, splits, scaling, augmentation, text."""

from __future__ import annotations

from graphgrad.data.augmentation import Augmentation, Compose, RandomApply, augment
from graphgrad.data.collate import PadCollate, default_collate, pad_sequence, pad_sequences
from graphgrad.data.colour import ColorJitter, Cutout, GaussianNoise, Normalize, RandomErasing, RandomGrayscale
from graphgrad.data.dataset import (
    ArrayDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from graphgrad.data.encoding import LabelEncoder, class_weights, multi_hot, one_hot
from graphgrad.data.geometry import (
    CenterCrop,
    ElasticTransform,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomVerticalFlip,
    RandomZoom,
)
from graphgrad.data.loader import DataLoader
from graphgrad.data.sampler import (
    BatchSampler,
    BucketSampler,
    ClassBalancedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from graphgrad.data.scaling import MinMaxScaler, StandardScaler, Whitening, normalize
from graphgrad.data.splits import KFold, StratifiedKFold, train_test_split
from graphgrad.data.text import BPTTDataset, Vocabulary, batchify, bptt_windows, sliding_windows, tokenize
from graphgrad.data.warping import affine, five_crop, hflip, rotate, translate, vflip
from graphgrad.data.workers import batch_generator

__all__ = [
    "ArrayDataset",
    "Augmentation",
    "BPTTDataset",
    "BatchSampler",
    "BucketSampler",
    "CenterCrop",
    "ClassBalancedSampler",
    "ColorJitter",
    "Compose",
    "ConcatDataset",
    "Cutout",
    "DataLoader",
    "Dataset",
    "ElasticTransform",
    "GaussianNoise",
    "IterableDataset",
    "KFold",
    "LabelEncoder",
    "MinMaxScaler",
    "Normalize",
    "PadCollate",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomSampler",
    "RandomShear",
    "RandomTranslation",
    "RandomVerticalFlip",
    "RandomZoom",
    "Sampler",
    "SequentialSampler",
    "StandardScaler",
    "StratifiedKFold",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "Vocabulary",
    "WeightedRandomSampler",
    "Whitening",
    "affine",
    "augment",
    "batch_generator",
    "batchify",
    "bptt_windows",
    "class_weights",
    "default_collate",
    "five_crop",
    "hflip",
    "multi_hot",
    "normalize",
    "one_hot",
    "pad_sequence",
    "pad_sequences",
    "random_split",
    "rotate",
    "sliding_windows",
    "tokenize",
    "train_test_split",
    "translate",
    "vflip",
]
