"""Running a model with ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mrimage.errors import JobError, UsageError, brief
from mrimage.image.network.network import Network

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

GPU_BATCH = 32
"""Images that a model on a GPU gets at once. On a processor, one at a time is fastest: for
EfficientNet-Lite0, 14.5 ms an image against 16.8 in eights and 23.7 in 32s."""

_CUDA = (
    "CUDAExecutionProvider",
    # The other search times the algorithms, so that another run may choose another one.
    {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"},
)


def open_session(data: bytes) -> Any:
    """Make a session of ONNX Runtime of the model ``data``: on CUDA if there is one, and with one
    thread on a processor, because there is a worker for each core.

    Raises UsageError if ONNX Runtime is missing or refuses the model.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UsageError(
            "--extract embedding and labels need ONNX Runtime, but it is not installed. "
            'Install it with: pip install "mrimage[embed]"'
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # an error is raised as well
    providers: list[object] = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, _CUDA)
    try:
        return onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:  # noqa: BLE001  # ONNX Runtime has many classes of its own
        raise UsageError(
            f"ONNX Runtime needs a valid model in one file, but it says: {brief(str(error))}."
        ) from None


def onnxruntime_version() -> str:
    """Return the version of ONNX Runtime, which is installed."""
    import onnxruntime

    return str(onnxruntime.__version__)


class Model:
    """A model that is ready to run, in this process."""

    def __init__(self, network: Network, data: bytes) -> None:
        self.network = network
        self._session = open_session(data)
        is_on_gpu = self._session.get_providers()[0] != "CPUExecutionProvider"
        self.batch = network.batch or (GPU_BATCH if is_on_gpu else 1)

    def run(self, inputs: Sequence[Array]) -> list[dict[str, Array]]:
        """Return what the model makes of each of ``inputs``, at most ``batch`` of them: its outputs
        as flat arrays, by name.

        A batch that is not full is filled up with zeros. Otherwise the last bits of a result could
        depend on how many images a task has left. Raises JobError if the model fails.
        """
        import numpy as np

        stacked = np.zeros((self.batch, *inputs[0].shape), inputs[0].dtype)
        stacked[: len(inputs)] = inputs
        names = self.network.outputs
        try:
            arrays = self._session.run(list(names), {self.network.input: stacked})
        except Exception as error:  # noqa: BLE001  # as in open_session
            raise JobError(f"The model failed on a batch of images: {brief(str(error))}.") from None
        return [
            {name: array[place].reshape(-1) for name, array in zip(names, arrays, strict=True)}
            for place in range(len(inputs))
        ]


_models: dict[tuple[int, Network], Model] = {}
"""The model of this process, by process and network. A forked child must not use its parent's."""


def model_of_process(network: Network, read: Callable[[], bytes]) -> Model:
    """Return this process's model for ``network``; ``read()`` returns its bytes at the first call.

    A session takes 0.1 s to make, so a process keeps the last one.
    """
    key = (os.getpid(), network)
    if key not in _models:
        _models.clear()
        _models[key] = Model(network, read())
    return _models[key]
