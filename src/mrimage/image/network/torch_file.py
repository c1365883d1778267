"""Reads tensors from a file that ``torch.save`` of PyTorch before 1.6 wrote, without PyTorch.

The file is a sequence of pickles, and a pickle can run any code. This reader admits tensors, their
storages and ordered dictionaries, and refuses everything else.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_TYPES = {"FloatStorage": np.float32, "HalfStorage": np.float16, "LongStorage": np.int64}
"""The types of numbers, by the storages of ``torch``."""


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: type[np.generic]


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where a tensor is in its storage: offset and strides in numbers, not in bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Unpickler(pickle.Unpickler):
    """Builds _Tensor and _Storage, and nothing that a pickle names besides them."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not a tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key = pid[:3]
        if kind != "storage":
            raise pickle.UnpicklingError(f"{kind} is not a storage")
        return _Storage(key, dtype)


def read_tensors(data: bytes) -> dict[str, Array]:
    """Return the tensors in the file ``data``, by name.

    Raises pickle.UnpicklingError for anything but a dictionary of tensors.
    """
    stream = io.BytesIO(data)
    for _ in range(3):  # a magic number, the version, and facts about the system
        _Unpickler(stream).load()
    tensors = _Unpickler(stream).load()
    keys = _Unpickler(stream).load()
    if not isinstance(tensors, dict):
        raise pickle.UnpicklingError("it is not a dictionary of tensors")
    dtypes = {tensor.storage.key: np.dtype(tensor.storage.dtype) for tensor in tensors.values()}
    storages = {key: _read_storage(stream, dtypes[key]) for key in keys}
    return {name: _array(tensor, storages) for name, tensor in tensors.items()}


def _read_storage(stream: io.BytesIO, dtype: np.dtype[Any]) -> Array:
    (count,) = struct.unpack("<q", stream.read(8))
    return np.frombuffer(stream.read(count * dtype.itemsize), dtype.newbyteorder("<"))


def _array(tensor: _Tensor, storages: dict[str, Array]) -> Array:
    """Copy the tensor out of its storage. The shape and strides of a file are not trusted."""
    storage = storages[tensor.storage.key]
    last = tensor.offset
    for side, stride in zip(tensor.shape, tensor.strides, strict=True):
        if side < 1 or stride < 0:
            raise pickle.UnpicklingError("a tensor has no size")
        last += (side - 1) * stride
    if not 0 <= tensor.offset <= last < storage.size:
        raise pickle.UnpicklingError("a tensor is outside its storage")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides)
    return view.copy()
