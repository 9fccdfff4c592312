"""mtrl-judge: a multimodal judge for lmms-eval, as a model, as a judge backend, and as a Python API.

from mtrl_judge_plugin import Sample, load_judge
load_judge().judge([Sample(...)])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mtrl_judge_plugin.sample import Sample, SampleError

if TYPE_CHECKING:
    from mtrl_judge_plugin.judging.judge import Judge
    from mtrl_judge_plugin.judging.options import load_judge
    from mtrl_judge_plugin.verdict import Verdict, parse

__version__ = "0.1.0"
__all__ = ["Judge", "Sample", "SampleError", "Verdict", "load_judge", "parse"]

#: What brings images, engines and regular expressions: only programs that ask for it pay for the import.
_LATER = {"Judge": "judging.judge", "Verdict": "verdict", "load_judge": "judging.options", "parse": "verdict"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
