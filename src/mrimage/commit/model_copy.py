"""The copy of the job's model in OUT, from which every worker reads it, wherever it runs."""

from __future__ import annotations

import hashlib

from mrimage.commit.ledger import ROOT
from mrimage.errors import JobError, NotFoundError
from mrimage.image.network import Network
from mrimage.job.job import Job
from mrimage.storage import Store

MODEL = f"{ROOT}/model.onnx"


def write_model_copy(store: Store, job: Job) -> None:
    """Copy the job's model to OUT, unless it is there. Raises JobError if the file has changed."""
    network = job.network
    if network is None or _copied(store, network) is not None:
        return
    # Imported late: it needs numpy, and most jobs have no model.
    from mrimage.image.network.reading import read_model

    data = read_model(job.model)
    if not _is_of(network, data):
        raise JobError(
            f"The model must not change during a run, but {job.model or 'the default model'} has. "
            "Run again."
        )
    store.write(MODEL, data)


def read_model_copy(store: Store, network: Network) -> bytes:
    """Return the bytes of the model. Raises JobError if OUT has another one."""
    data = _copied(store, network)
    if data is None:
        raise JobError(
            f"{store.root}/{MODEL} must be the model that the run copied there, but it is missing "
            "or altered. Run again."
        )
    return data


def _copied(store: Store, network: Network) -> bytes | None:
    """The model in OUT, if it is that of the job."""
    try:
        data = store.read(MODEL)
    except NotFoundError:
        return None
    return data if _is_of(network, data) else None


def _is_of(network: Network, data: bytes) -> bool:
    return hashlib.sha256(data).hexdigest() == network.digest
