"""The contract on a local folder, and what only local folders have."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.storage.contract import ODD, StoreContract

from mrimage.errors import DeniedError
from mrimage.storage import Store, open_store, open_uri


class TestLocal(StoreContract):
    odd_names = (
        *ODD,
        "new\nline.jpg",
        "back\\slash.jpg",
        "tab\t.jpg",
        os.fsdecode(b"caf\xe9.jpg"),
        "x.tar!",
    )

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(str(tmp_path / "store"), create=True)

    def test_odd_names_come_back_as_they_are(self, store: Store) -> None:
        for name in self.odd_names:
            store.write(name, os.fsencode(name))
        assert sorted(item.path for item in store.list()) == sorted(self.odd_names)
        for name in self.odd_names:
            assert open_uri(store.uri(name)).read() == os.fsencode(name)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    tmp_path.chmod(0o500)
    with pytest.raises(DeniedError, match="permission denied"):
        store.write("x", b"")


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
def test_a_file_is_created_once_on_a_file_system_without_hard_links(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    store = open_store(str(tmp_path))
    assert [store.create("lock", b"first"), store.create("lock", b"second")] == [True, False]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("lock", b"first")]
