"""Lets unmodified vLLM and OpenRLHF 0.11.2 run without a GPU. For the test environment only; see ../setup.sh.

Nothing is imported here: each patch runs right before or right after the module that it names, in whatever process
imports it (vLLM and Ray start many). The patches lean on internals; the versions in ../requirements.txt are exact for
that reason.
"""

import importlib.abc
import importlib.machinery
import os
import sys

os.environ.setdefault("DS_ACCELERATOR", "cpu")  # DeepSpeed would look for CUDA


def _declare_torchvision_operators(_):
    """The package index has torchvision built for CUDA only: its operators cannot load beside a CPU build of torch.

    Its transforms need none of them, but its import describes two: they are declared, without an implementation.
    """
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch._torchvision_operators = library  # the declarations live as long as the library does


def _answer_for_cuda(_):
    """OpenRLHF calls torch.cuda for the current device and for things that a CPU has no need of."""
    import torch

    class CPU(str):
        """`tensor.to(device)` gets "cpu"; f"cuda:{device}", which names a device of a mesh, stays well formed."""

        def __format__(self, spec):
            return "0"

    for name in ("synchronize", "empty_cache", "set_device", "current_stream"):
        setattr(torch.cuda, name, lambda *args, **options: None)
    torch.cuda.current_device = lambda: CPU("cpu")


def _send_weights_by_gloo(module):
    """OpenRLHF sends the actor's weights to vLLM by NCCL, which has no CPU version."""

    class Gloo:
        def __init__(self, host, port, rank, world_size, device):
            from vllm.distributed.utils import stateless_init_torch_distributed_process_group

            self.group = stateless_init_torch_distributed_process_group(host, port, rank, world_size, "gloo")

        def broadcast(self, tensor, src, stream=None):
            import torch

            options = torch.distributed.BroadcastOptions()
            options.rootRank = src
            self.group.broadcast([tensor], options).wait()

    module.stateless_init_process_group = Gloo


def _mesh_on_cpu(module):
    """OpenRLHF asks for its mesh of devices on "cuda"."""
    init_device_mesh = module.init_device_mesh
    module.init_device_mesh = lambda device, *args, **options: init_device_mesh("cpu", *args, **options)


def _receive_weights_on_cpu(module):
    """OpenRLHF's part of the vLLM worker receives a weight into `torch.empty(..., device="cuda")`."""
    from torch.overrides import TorchFunctionMode

    class OnCPU(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            options = dict(kwargs or {})
            if options.get("device") == "cuda":
                options["device"] = "cpu"
            return function(*args, **options)

    update_weight = module.WorkerWrap.update_weight

    def on_cpu(self, *args, **options):
        with OnCPU():
            return update_weight(self, *args, **options)

    module.WorkerWrap.update_weight = on_cpu


def _keep_plain_weights(module):
    """vLLM's CPU layers repack their weight and drop the original: what is sent later would be written to nothing."""

    def dispatch(layer, remove_weight):
        import torch

        layer.cpu_linear = torch.nn.functional.linear

    module.dispatch_cpu_unquantized_gemm = dispatch


BEFORE = {"torchvision": _declare_torchvision_operators, "openrlhf": _answer_for_cuda}
AFTER = {
    "openrlhf.utils.distributed_util": _send_weights_by_gloo,
    "openrlhf.utils.deepspeed.deepspeed": _mesh_on_cpu,
    "openrlhf.trainer.ray.vllm_worker_wrap": _receive_weights_on_cpu,
    "vllm.model_executor.layers.utils": _keep_plain_weights,
}


class _Patches(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in BEFORE and name not in AFTER:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module):
            BEFORE.get(name, _nothing)(module)
            run(module)
            AFTER.get(name, _nothing)(module)

        spec.loader.exec_module = exec_module
        return spec


def _nothing(module):
    pass


sys.meta_path.insert(0, _Patches())
