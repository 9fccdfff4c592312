"""Lets a CUDA build of torchvision load beside a CPU build of torch. For the test environment only; see ../setup.sh.

torchvision's compiled operators cannot load there, and its import then fails where it describes two of them. Nothing
is imported here: the two are declared right before torchvision itself runs, in every process of vLLM.
"""

import importlib.abc
import importlib.machinery
import sys


def _declare_operators():
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch._torchvision_operators = library  # the declarations live as long as the library does


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "torchvision":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module):
            _declare_operators()
            run(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _BeforeTorchvision())
