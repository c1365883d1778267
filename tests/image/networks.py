"""A tiny model whose results can be computed by hand, in every form that models come in."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

CLASSES = ("reddish", "greenish", "bluish")

NORMALIZED = {"mrimage.mean": "0", "mrimage.deviation": "1"}
"""Metadata of a model that takes pixels from 0 to 1."""

SHARPEN = 20.0
"""The model's logits are its embedding times this."""


def _require_models() -> None:
    """Skip the module that imports this one if the extra is missing; on CI it must be there."""
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("CI"):
        raise AssertionError(f"CI must have {missing}")
    if missing:
        pytest.skip(f"{missing} missing: pip install 'mrimage[embed]'", allow_module_level=True)


_require_models()


def tiny(
    *,
    side: int | str = 8,
    layout: str = "nchw",
    batch: int | str = "n",
    dtype: str = "FLOAT",
    softmax: bool = False,
    outputs: tuple[str, ...] = ("embedding", "logits"),
    metadata: Mapping[str, str] = NORMALIZED,
) -> bytes:
    """An ONNX file: the embedding is the mean of each channel, and the logits are SHARPEN times that."""
    from onnx import TensorProto, helper, numpy_helper

    kind = getattr(TensorProto, dtype)
    shape = [batch, 3, side, side] if layout == "nchw" else [batch, side, side, 3]
    node = helper.make_node
    nodes = [node("Cast", ["image"], ["float"], to=TensorProto.FLOAT)]
    if layout == "nhwc":
        nodes += [node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2])]
    else:
        nodes += [node("Identity", ["float"], ["planes"])]
    nodes += [
        node("GlobalAveragePool", ["planes"], ["mean"]),
        node("Flatten", ["mean"], [outputs[0]]),
    ]
    if len(outputs) == 2:
        nodes += [node("Mul", [outputs[0], "sharpen"], ["product"])]
        nodes += [node("Softmax" if softmax else "Identity", ["product"], [outputs[1]])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3]) for name in outputs],
        [numpy_helper.from_array(np.float32(SHARPEN), "sharpen")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(metadata))
    return bytes(model.SerializeToString(deterministic=True))


def written(folder: Path, data: bytes, name: str = "tiny.onnx") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)
