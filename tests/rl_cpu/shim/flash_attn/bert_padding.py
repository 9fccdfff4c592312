"""See the package."""

from einops import rearrange  # noqa: F401


def _unavailable(*args, **kwargs):
    raise NotImplementedError("flash-attn is not installed: no --ds.packing_samples on CPU")


index_first_axis = pad_input = unpad_input = _unavailable
