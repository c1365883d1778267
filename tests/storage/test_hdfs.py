"""HDFS by a real NameNode and three DataNodes: the contract, whole jobs, faults, configuration."""

from __future__ import annotations

import pytest
from tests.storage.contract import StoreContract

from mrimage.storage import Store, open_store


class TestHdfs(StoreContract):
    odd_names = tuple(name for name in StoreContract.odd_names if ":" not in name)
    tells_versions = False

    @pytest.fixture
    def store(self, hdfs_folder: str) -> Store:
        return open_store(hdfs_folder, create=True)
