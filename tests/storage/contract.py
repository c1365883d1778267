"""What every store must do: one body of tests, run on each back-end by a subclass with a fixture ``store``."""

from __future__ import annotations

import os
import threading
from typing import ClassVar

import pytest

from mrimage.commit.lock import locked
from mrimage.errors import ImageError, NotFoundError, SinkError, StoreError
from mrimage.storage import Item, Store, open_uri

ODD = ("a b.jpg", "ü/é 日本.jpg", "a%2Fb.jpg", "q?x=1&y.jpg", "h#x.jpg", "plus+x.jpg", "-dash.jpg", "quote'\".jpg",
       "<script>.jpg", "[x]{y}.jpg", "~t.jpg", "100%.jpg", "star*.jpg", "semi;colon.jpg")  # fmt: skip


class StoreContract:
    """Tests of a Store that is empty at first."""

    odd_names: ClassVar[tuple[str, ...]] = ODD
    tells_versions = True
    """Whether a read can tell that a file of the same length is not the listed one."""

    def test_what_is_written_is_read_listed_and_measured(self, store: Store) -> None:
        files = {"top.bin": b"0123456789", "a/b/c.bin": b"x" * 70_000, "a/empty": b""}
        for path, data in files.items():
            store.write(path, data)
        assert {path: store.read(path) for path in files} == files
        assert {item.path: item.size for item in store.list()} == {
            path: len(data) for path, data in files.items()
        }
        assert [store.stat(path).size for path in files] == [10, 70_000, 0]
        assert all(item == store.stat(item.path) for item in store.list())

    def test_a_folder_is_listed_alone_and_not_by_the_beginning_of_its_name(
        self, store: Store
    ) -> None:
        for path in ("a/1", "a/b/2", "ab/3", "c"):
            store.write(path, b"x")
        assert sorted(item.path for item in store.list("a")) == ["a/1", "a/b/2"]
        assert list(store.list("missing")) == []

    def test_ranges_are_cut_at_the_end(self, store: Store) -> None:
        store.write("r", b"0123456789")
        asked = [(0, 4), (3, 4), (8, 10), (10, 5), (0, 0), (4, None), (0, None)]
        assert [store.read("r", start, length) for start, length in asked] == [
            b"0123", b"3456", b"89", b"", b"", b"456789", b"0123456789",
        ]  # fmt: skip

    def test_a_write_replaces_and_a_delete_may_find_nothing(self, store: Store) -> None:
        store.write("f", b"long first content")
        store.write("f", b"second")
        assert store.read("f") == b"second"
        store.delete("f")
        store.delete("f")
        store.delete("never/was")
        assert list(store.list()) == []

    def test_what_is_missing_is_told_as_such(self, store: Store) -> None:
        store.write("there", b"x")
        for ask in (
            lambda: store.read("gone"),
            lambda: store.stat("gone"),
            lambda: store.read("deep/er/gone", 0, 5),
        ):
            with pytest.raises(NotFoundError) as caught:
                ask()
            assert "gone" in str(caught.value)
            assert "\n" not in str(caught.value)

    def test_only_one_of_many_creates(self, store: Store) -> None:
        made: list[int] = []
        seen: set[bytes] = set()

        def create(number: int) -> None:
            if store.create("lock", f"{number}".encode()):
                made.append(number)
            else:
                seen.add(store.read("lock"))

        threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1
        assert seen == {store.read("lock")} == {f"{made[0]}".encode()}, (
            "whoever is too late sees all of it"
        )
        assert not store.create("lock", b"later")

    def test_bytes_are_replaced_where_they_are_the_expected_ones(self, store: Store) -> None:
        assert not store.replace("swap/f", b"new", b"old"), "there is nothing yet"
        store.write("swap/f", b"old")
        assert store.replace("swap/f", b"new", b"old")
        assert not store.replace("swap/f", b"late", b"old")
        assert store.read("swap/f") == b"new"
        store.delete("swap/f")
        assert not store.replace("swap/f", b"late", b"new")
        assert list(store.list()) == []

    def test_only_one_of_many_replaces(self, store: Store) -> None:
        now = b"0"
        store.write("swap", now)
        for time in range(4):
            won: list[bytes] = []
            start = threading.Barrier(5)

            def swap(number: int, time: int = time, now: bytes = now, won=won, start=start) -> None:
                mine = f"{time} {number}".encode()
                start.wait()
                if store.replace("swap", mine, now):
                    won.append(mine)

            threads = [threading.Thread(target=swap, args=(number,)) for number in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(won) == 1
            now = store.read("swap")
            assert won == [now]
        assert [item.path for item in store.list()] == ["swap"]

    def test_of_two_runs_at_once_one_is_refused_and_told_by_whom(self, store: Store) -> None:
        with (
            locked(store),
            pytest.raises(SinkError, match=f"process {os.getpid()} on "),
            locked(store),
        ):
            pass
        with locked(store):
            pass
        assert list(store.list()) == []

    def test_racing_writers_leave_one_whole_file(self, store: Store) -> None:
        contents = [
            bytes([number]) * 6_000_000 for number in (1, 2, 3)
        ]  # above a part of a multi-part upload
        threads = [threading.Thread(target=store.write, args=("big", data)) for data in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.read("big") in contents
        assert [item.path for item in store.list()] == ["big"]

    def test_odd_names_come_back_as_they_are(self, store: Store) -> None:
        for name in self.odd_names:
            store.write(name, name.encode())
        assert sorted(item.path for item in store.list()) == sorted(self.odd_names)
        for name in self.odd_names:
            assert store.read(name) == name.encode()
            assert open_uri(store.uri(name)).read() == name.encode()

    @pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "C:/x", "a\0b", "", "a/"])
    def test_no_path_leads_out(self, store: Store, path: str) -> None:
        for use in (
            lambda: store.write(path, b"x"),
            lambda: store.read(path),
            lambda: store.delete(path),
        ):
            with pytest.raises(StoreError):
                use()

    def test_another_file_than_the_listed_one_is_told(self, store: Store) -> None:
        store.write("f", b"first")
        listed = store.stat("f")
        assert store.read("f", 1, 3, expected=listed) == b"irs"
        store.write("f", b"other, and longer" if not self.tells_versions else b"secnd")
        with pytest.raises(ImageError) as caught:
            store.read("f", 1, 3, expected=listed)
        assert caught.value.reason == "changed"
        store.delete("f")
        with pytest.raises(ImageError) as caught:
            store.read("f", 0, 3, expected=listed)
        assert caught.value.reason == "vanished"

    def test_a_listing_is_a_stream_and_the_same_each_time(self, store: Store) -> None:
        for number in range(30):
            store.write(f"n/{number:03}", b"")
        first = next(iter(store.list()))
        assert isinstance(first, Item)
        assert list(store.list()) == list(store.list())
