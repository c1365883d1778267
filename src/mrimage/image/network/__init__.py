"""Vectors and labels by a neural network in the ONNX format.

The driver reads a model once, and describes it as a Network (``reading``). Tasks get the
description, make the model's input of each image (``picture``), run the model (``session``), and
turn what it returns into columns (``columns``). ``onnxruntime`` is imported when it is used.
"""

from __future__ import annotations

from mrimage.image.network.network import NETWORK_EXTRACTORS, ModelOptions, Network

__all__ = ["NETWORK_EXTRACTORS", "ModelOptions", "Network"]
