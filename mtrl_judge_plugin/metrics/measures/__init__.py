"""Which metrics a set of judgments has: judgments -> named functions of weights.

The functions of this room look at judgments of one form, find what they hold (labels, probabilities, ratings, twins,
repeats), and yield a Measure for everything that can be said about them. Names are what task YAMLs and tables use.
"""

from mtrl_judge_plugin.metrics.measures.bound import Measure
from mtrl_judge_plugin.metrics.measures.candidates import orders, pairs, transitivity
from mtrl_judge_plugin.metrics.measures.labels import classes, codes, confidences, overall, probabilities, scores
from mtrl_judge_plugin.metrics.measures.twins import forms, repeats, twins

__all__ = [
    "Measure",
    "classes",
    "codes",
    "confidences",
    "forms",
    "orders",
    "overall",
    "pairs",
    "probabilities",
    "repeats",
    "scores",
    "transitivity",
    "twins",
]
