"""Reads a model in the driver: what its input and outputs are, and how images become its input.

A fact comes from the job's options, or else from the sidecar ``MODEL.toml`` beside ``MODEL.onnx``,
or else from the model's metadata, where its name begins with ``mrimage.``, or else from the shapes.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from mrimage.errors import UsageError, brief, unknown
from mrimage.image.network.default_model import default_model
from mrimage.image.network.network import Channels, Layout, ModelOptions, Network
from mrimage.image.network.session import open_session

METADATA_PREFIX = "mrimage."

CROP = 0.875
"""The usual share of the shorter side: models of ImageNet are tested on 224 of 256 pixels."""

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
"""numpy's names for the types of inputs."""

_HINTS = {
    "embedding": ("embed", "feature", "pool"),
    "labels": ("logit", "prob", "label", "class", "score"),
}
"""What the names of outputs contain, by the extractor that uses them."""

_LABELS_KEY = "labels"

_LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class _Shape:
    """The session's only input."""

    name: str
    dtype: str
    sides: tuple[int | None, ...]


def read_model(path: str | None) -> bytes:
    """Return the bytes of the model in the file ``path``, or of the default model.

    Raises UsageError if there is none.
    """
    if path is None:
        return default_model()
    return _read_file("--model", path)


def read_network(
    path: str | None, options: ModelOptions, extract: Sequence[str], labels_path: str | None
) -> Network:
    """Read the model, run it once on an empty image, and describe it.

    ``extract`` names the extractors, and ``labels_path`` a file with a label on each line. Raises
    UsageError if something about the model is missing or wrong.
    """
    data = read_model(path)
    session = open_session(data)
    metadata = session.get_modelmeta().custom_metadata_map
    stated, labels = _stated(path, metadata, options)
    if labels_path is not None:
        labels = _lines(_read_file("--labels", labels_path), labels_path)
    shape = _input_of(session)
    network = _describe(hashlib.sha256(data).hexdigest(), shape, stated)
    outputs = [output.name for output in session.get_outputs()]
    if "embedding" in extract:
        name = _output("embedding", outputs, stated.embedding_output)
        network = replace(network, embedding_output=name)
    if "labels" in extract:
        name = _output("labels", outputs, stated.label_output)
        network = replace(network, label_output=name)
    lengths = _lengths(session, network)
    if network.label_output:
        network = replace(network, labels=_named(labels, lengths[network.label_output]))
    if network.embedding_output:
        network = replace(network, length=lengths[network.embedding_output])
    return network


def _read_file(option: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{option} needs a file that can be read, but {path}: {reason}.") from None


def _stated(
    path: str | None, metadata: Mapping[str, str], options: ModelOptions
) -> tuple[ModelOptions, tuple[str, ...]]:
    """What the options, the sidecar and the metadata say, and the labels that the last two name."""
    known = {field.name for field in fields(ModelOptions)} | {_LABELS_KEY}
    stated: dict[str, Any] = {}
    for key, text in metadata.items():
        name = key.removeprefix(METADATA_PREFIX)
        if key.startswith(METADATA_PREFIX) and name in known:
            stated[name] = text
    sidecar = Path(path).with_suffix(".toml") if path else None
    if sidecar and sidecar.is_file():
        for name, value in _read_sidecar(sidecar).items():
            if name not in known:
                raise unknown(f"a name in {sidecar}", name, sorted(known))
            stated[name] = value
    labels = stated.pop(_LABELS_KEY, ())
    if isinstance(labels, str):
        labels = labels.splitlines()
    place = str(sidecar) if sidecar and sidecar.is_file() else "the model's metadata"
    values = {name: _converted(place, name, value) for name, value in stated.items()}
    for field in fields(ModelOptions):
        chosen = getattr(options, field.name)
        if chosen is not None:
            values[field.name] = chosen
    return ModelOptions(**values), tuple(map(str, labels))


def _read_sidecar(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The sidecar of a model must be valid TOML, but {path} is not: {error}."
        ) from None


def _size(value: Any) -> tuple[int, int]:
    sides = str(value).lower().split("x") if isinstance(value, str | int) else value
    width, height = (int(side) for side in sides) if len(sides) == 2 else (int(sides[0]),) * 2
    if not (1 <= width <= _LARGEST_SIDE and 1 <= height <= _LARGEST_SIDE):
        raise ValueError
    return width, height


def _three(value: Any) -> tuple[float, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if isinstance(parts, int | float):
        parts = [parts]
    numbers = tuple(float(part) for part in parts)
    if len(numbers) not in (1, 3) or not np.isfinite(numbers).all():
        raise ValueError
    return numbers * 3 if len(numbers) == 1 else numbers


def _share(value: Any) -> float:
    number = float(value)
    if not 0 < number <= 1:
        raise ValueError
    return number


def _batch(value: Any) -> int:
    number = int(value)
    if not 1 <= number <= 1024:
        raise ValueError
    return number


def _word(*known: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        word = str(value).lower()
        if word not in known:
            raise ValueError
        return word

    return convert


_CONVERTERS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "size": (_size, f"a size such as 224x224, each side from 1 to {_LARGEST_SIDE}"),
    "layout": (_word("nchw", "nhwc"), "nchw or nhwc"),
    "channels": (_word("rgb", "bgr"), "rgb or bgr"),
    "mean": (_three, "one number or three, such as 0.485,0.456,0.406"),
    "deviation": (_three, "one number or three, such as 0.229,0.224,0.225"),
    "crop": (_share, "a share above 0, at most 1"),
    "batch": (_batch, "a number of images from 1 to 1024"),
    "embedding_output": (str, "the name of an output"),
    "label_output": (str, "the name of an output"),
}


def _converted(place: str, name: str, value: Any) -> Any:
    convert, wanted = _CONVERTERS[name]
    try:
        return convert(value)
    except (ValueError, TypeError, IndexError):
        raise UsageError(f"{name} in {place} needs {wanted}, but got {brief(value)}.") from None


def _input_of(session: Any) -> _Shape:
    inputs = session.get_inputs()
    described = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _DTYPES:
        raise UsageError(
            "--model needs a model with one input: images as four dimensions of float, float16 or "
            f"uint8. Its inputs are {described}."
        )
    found = inputs[0]
    sides = tuple(side if isinstance(side, int) and side > 0 else None for side in found.shape)
    return _Shape(found.name, _DTYPES[found.type], sides)


def _describe(digest: str, shape: _Shape, stated: ModelOptions) -> Network:
    layout = _layout(shape, stated.layout)
    width, height = _input_size(shape, layout, stated.size)
    mean, deviation = _normalization(shape, stated)
    return Network(
        digest=digest,
        input=shape.name,
        dtype=shape.dtype,
        width=width,
        height=height,
        layout=layout,
        channels=cast(Channels, stated.channels or "rgb"),
        mean=mean,
        deviation=deviation,
        crop=stated.crop or CROP,
        batch=shape.sides[0] or stated.batch or 0,
    )


def _layout(shape: _Shape, stated: str | None) -> Layout:
    channels: dict[Layout, int | None] = {"nchw": shape.sides[1], "nhwc": shape.sides[3]}
    possible = [layout for layout, count in channels.items() if count in (3, None)]
    certain = [layout for layout, count in channels.items() if count == 3]
    if stated is None and len(certain) == 1:
        return certain[0]
    if stated in possible:
        return stated
    raise UsageError(
        f"--model-layout needs to be nchw or nhwc, whichever has the 3 channels of {shape.name} "
        f"{_shown(shape)}, but it is {stated or 'not known'}."
    )


def _input_size(shape: _Shape, layout: Layout, stated: tuple[int, int] | None) -> tuple[int, int]:
    height, width = shape.sides[2:4] if layout == "nchw" else shape.sides[1:3]
    if stated is None and width is not None and height is not None:
        return width, height
    if stated is None:
        raise UsageError(
            f"The model takes images of any size ({shape.name} {_shown(shape)}). "
            "Say which with --model-size WxH."
        )
    if width not in (stated[0], None) or height not in (stated[1], None):
        raise UsageError(
            f"--model-size must be that of the model's input, {width}x{height}, but got "
            f"{stated[0]}x{stated[1]}."
        )
    return stated


def _shown(shape: _Shape) -> str:
    return "x".join("?" if side is None else str(side) for side in shape.sides)


Three = tuple[float, float, float]


def _normalization(shape: _Shape, stated: ModelOptions) -> tuple[Three, Three]:
    if shape.dtype == "uint8":
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if stated.mean is None or stated.deviation is None:
        raise UsageError(
            "The model does not say how pixels are normalized. Say so with --model-mean and "
            "--model-deviation, for pixels from 0 to 1: many models were trained with "
            "0.485,0.456,0.406 and 0.229,0.224,0.225, others with 0.5 and 0.5, or 0 and 1."
        )
    if 0 in stated.deviation:
        raise UsageError("--model-deviation needs numbers that are not 0.")
    return cast(Three, stated.mean), cast(Three, stated.deviation)


def _output(extractor: str, outputs: list[str], stated: str | None) -> str:
    """The name of the output that ``extractor`` uses."""
    if stated is not None:
        if stated not in outputs:
            raise unknown("an output of the model", stated, outputs)
        return stated
    hints = _HINTS[extractor]
    named = [name for name in outputs if any(hint in name.lower() for hint in hints)]
    candidates = named or outputs
    if len(candidates) == 1:
        return candidates[0]
    key = "embedding_output" if extractor == "embedding" else "label_output"
    raise UsageError(
        f"--extract {extractor} needs to know which output of the model to use: "
        f'{", ".join(outputs)}. Say so in its sidecar: {key} = "NAME".'
    )


def _lengths(session: Any, network: Network) -> dict[str, int]:
    """The numbers that each output has for an image, from a run on black images."""
    shape: tuple[int, ...] = (network.height, network.width, 3)
    if network.layout == "nchw":
        shape = (3, network.height, network.width)
    batch = network.batch or 1
    black = np.zeros((batch, *shape), network.dtype)
    try:
        arrays = session.run(list(network.outputs), {network.input: black})
    except Exception as error:  # noqa: BLE001  # ONNX Runtime has many classes of its own
        raise UsageError(
            f"The model fails on images of {network.width}x{network.height}: {brief(str(error))}."
        ) from None
    for name, array in zip(network.outputs, arrays, strict=True):
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or len(array) != batch:
            raise UsageError(
                f'The output "{name}" of a model needs to be floating-point numbers for each '
                "image. Choose another output in the model's sidecar."
            )
    return {name: array.size // batch for name, array in zip(network.outputs, arrays, strict=True)}


def _named(labels: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The labels of ``count`` classes. Without names, they are numbers."""
    if not labels:
        return tuple(map(str, range(count)))
    if len(labels) != count:
        raise UsageError(
            f"The model has {count} classes, but there are {len(labels)} labels. "
            "--labels needs a file with one label on each line, in the model's order."
        )
    return labels


def _lines(data: bytes, path: str) -> tuple[str, ...]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"--labels needs a file in UTF-8, but {path} is not.") from None
    return tuple(line.strip() for line in text.strip().splitlines())
