"""The lazy image that mappers and reducers work with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mrimage.errors import ImageError, MrimageError, StoreError, UsageError, internal, unknown
from mrimage.image.arguments import check_alone, check_box, check_edits
from mrimage.image.blocks import Blocks, Buffer
from mrimage.image.extractors import EXTRACTORS, measure
from mrimage.image.features import ANALYSIS_SIDE
from mrimage.image.finding_names import FileFacts
from mrimage.image.header.model import Header
from mrimage.image.header.png import read_after_pixels
from mrimage.image.metadata import Metadata, describe, read_facts, read_header
from mrimage.image.tags.exif import TagFacts
from mrimage.types import ByteSource, Edits, Fit, Limits

if TYPE_CHECKING:
    import numpy as np

    from mrimage.image.edit import Encoded, Opened
    from mrimage.image.group.methods import Statistic
    from mrimage.image.group.picture import Matching
    from mrimage.image.network import Network


DEFAULT_EDITS = Edits()
"""Edits that change nothing."""


NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class Image:
    """One image, which is read only when needed.

    ``metadata`` reads a bounded prefix, and ``data`` reads all bytes once. ``fields`` is what
    a list, a table or sidecars say about the image: a label, a caption. ``features``,
    ``edited``, ``pixels`` and ``thumbnail`` decode. A notebook shows a small picture.
    Every method raises ImageError if the image is bad, and StoreError if its bytes cannot be read. A bug in mrimage raises ImageError ``internal``, so
    that it is not taken for one in the caller's code.
    """

    def __init__(
        self,
        source: ByteSource,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        path: str = "",
        *,
        whole: bool = False,
        fields: Mapping[str, Any] = NO_FIELDS,
        watermarks: Mapping[str, bytes] = NO_FIELDS,
    ) -> None:
        """``path`` is the image's name below its source, with forward slashes. ``fields`` is what
        the source says about it, by the names of the catalogue's columns.

        ``whole`` says that the whole file will be read anyway, so that the metadata include the
        chunks after the pixels of a PNG. ``watermarks`` are the pictures that edits may name, as
        the job has read them.
        """
        self.path = path
        self.fields = fields
        self._source = source
        self._limits = limits
        self._whole = whole or isinstance(source, Buffer)
        self._watermarks = watermarks
        self._model_columns: dict[str, object] = {}

    @property
    def uri(self) -> str:
        return self._source.uri

    @cached_property
    def data(self) -> bytes:
        """All bytes of the file."""
        return self._source.read()

    @cached_property
    def metadata(self) -> Metadata:
        """The catalog's columns of this image."""
        with own_faults():
            return describe(self._header, self._facts)

    @cached_property
    def _blocks(self) -> Blocks:
        has_data = "data" in self.__dict__  # where cached_property keeps its value
        return Blocks(Buffer(self.data) if has_data else self._source)

    @cached_property
    def _header(self) -> Header:
        header = read_header(self._blocks)
        if self._whole and header.format == "png":
            read_after_pixels(header, self.data)
        return header

    @cached_property
    def _facts(self) -> TagFacts:
        return read_facts(self._header, self._blocks)

    def _opened(self) -> Opened:
        from mrimage.image.edit import Opened

        data = self.data
        if not data:
            raise ImageError("empty", "The file has no bytes.")
        header = self._header
        if header.format == "raw":
            from mrimage.image.header.raw import as_developed

            header = as_developed(header, data)
        return Opened(data, header, self._facts, watermarks=self._watermarks)

    def features(self, names: Sequence[str]) -> dict[str, object]:
        """Return the columns of the extractors ``names``, by name, from one small decode.

        Raises UsageError for an unknown extractor, and for one that needs a model, unless the image
        is that of a mapper whose job extracts it.
        """
        for name in names:
            if name not in EXTRACTORS:
                raise unknown("--extract", name, EXTRACTORS)
        by_model = [name for name in names if EXTRACTORS[name].model]
        columns = self._columns_by_model(by_model)
        if not any(EXTRACTORS[name].pixels for name in names if name not in by_model):
            return columns
        with own_faults():
            from mrimage.image.thumbnail import analysis_picture

            wants_findings = "findings" in names
            pixels = analysis_picture(
                self._opened(), ANALYSIS_SIDE, self._limits, keep_alpha=wants_findings
            )
            facts = self._file_facts(pixels.shape) if wants_findings else None
            return measure(names, pixels, self.data, facts) | columns

    def _file_facts(self, shape: tuple[int, ...]) -> FileFacts:
        """What the file says for findings. ``shape`` is that of the small picture."""
        from mrimage.image.findings import jpeg_quality

        metadata = self.metadata
        return FileFacts(
            quality=jpeg_quality(self.data) if self._header.format == "jpeg" else None,
            whole=shape[:2] == (metadata.height, metadata.width),
            camera=metadata.camera is not None,
        )

    def _columns_by_model(self, names: Sequence[str]) -> dict[str, object]:
        columns: dict[str, object] = {}
        for name in names:
            for column in EXTRACTORS[name].columns:
                if column not in self._model_columns:
                    raise UsageError(
                        f'The features "{name}" need the model of a job, but this image has none. '
                        f"Add {name} to the job's extract, and use them in its mapper."
                    )
                value = self._model_columns[column]
                # The catalogue has the same list.
                columns[column] = list(value) if isinstance(value, list) else value
        return columns

    def keep_model_columns(self, columns: Mapping[str, object]) -> None:
        """Keep what a model made of the image, for ``features``."""
        self._model_columns.update(columns)

    def model_input(self, network: Network) -> np.ndarray[Any, np.dtype[Any]]:
        """Return the picture as the model ``network`` expects it: one image without the dimension
        of the batch."""
        with own_faults():
            from mrimage.image.network.picture import model_input

            return model_input(self._opened(), network, self._limits)

    def edited(self, edits: Edits) -> Encoded:
        """Apply ``edits``, and return the result as a file. Raises UsageError for invalid edits, and
        for a correction that needs the other images of a group."""
        check_edits(edits)
        check_alone(edits, self._watermarks)
        with own_faults():
            from mrimage.image.edit import edited

            return edited(self._opened(), edits, self._limits)

    def edited_each(self, all_edits: Sequence[Edits]) -> list[Encoded]:
        """Apply each of ``all_edits`` on its own, and return the results in order.

        They are those of ``edited``, but edits that need the same scale share one decode. Raises
        UsageError for invalid edits.
        """
        if len(all_edits) == 1:
            return [self.edited(all_edits[0])]
        for edits in all_edits:
            check_edits(edits)
            check_alone(edits, self._watermarks)
        with own_faults():
            from mrimage.image.edit import edited

            opened = replace(self._opened(), decoded={})
            return [edited(opened, edits, self._limits) for edits in all_edits]

    def matched(self, edits: Edits, matching: Matching) -> Encoded:
        """Apply ``edits`` with a group correction, for a task that knows what the image is to match."""
        with own_faults():
            from mrimage.image.edit import edited

            return edited(self._opened(), edits, self._limits, matching)

    def group_statistic(
        self, edits: Edits, keep: Callable[[np.ndarray[Any, np.dtype[Any]]], None] | None = None
    ) -> Statistic:
        """Return what the image contributes to its group's statistic, for the group correction of
        ``edits``: whole numbers, in lists. ``keep`` gets the pixels that a ``Matching`` can have."""
        with own_faults():
            from mrimage.image.group.statistic import statistic_of

            return statistic_of(self._opened(), edits, self._limits, keep)

    def pixels(self, edits: Edits = DEFAULT_EDITS) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the decoded picture after ``edits``, uint8 H x W x C. Nothing is encoded.

        It is upright. Without edits it has the size of the image and is in sRGB, C = 3. With edits
        it has the size and the color space that they ask for, sRGB by default: C is 1 for gray.
        Alpha is composited on their background, which is white by default. More than 8 bits are
        rounded to 8. The array is the caller's own to write to. Raises UsageError for invalid
        edits, and for a correction that needs the other images of a group.
        """
        check_edits(edits)
        check_alone(edits, self._watermarks)
        with own_faults():
            from mrimage.image.edit import edited_pixels

            values: np.ndarray[Any, np.dtype[np.uint8]] = edited_pixels(
                self._opened(), edits, self._limits
            )
            return values

    def thumbnail(
        self, width: int, height: int, fit: Fit = "contain", *, enlarge: bool = False
    ) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return a small picture, uint8 H x W x 3: upright, in sRGB, alpha composited on white.

        An image smaller than ``width`` x ``height`` is enlarged only with ``enlarge``. Raises
        UsageError for an invalid size or fit.
        """
        edits = Edits(resize=(width, height), fit=fit, enlarge=enlarge)
        check_box("The size of a thumbnail", edits)
        with own_faults():
            from mrimage.image.thumbnail import thumbnail

            return thumbnail(self._opened(), edits, self._limits)

    def watermark(self) -> bytes:
        """Return the picture as a watermark: PNG, upright, 8-bit sRGB with alpha, scaled down if it
        is large."""
        with own_faults():
            from mrimage.image.encoding import encode
            from mrimage.image.thumbnail import with_alpha
            from mrimage.image.watermark import LONGEST

            edits = Edits(resize=LONGEST, enlarge=False)
            return encode(with_alpha(self._opened(), edits, self._limits), "png")

    def __repr__(self) -> str:
        return f"<mrimage.Image {self.uri}>"

    def _repr_html_(self) -> str:
        """A small picture and the metadata, for a notebook; why there is none, if there is none."""
        from mrimage.image.notebook import html_of_facts, html_of_file

        facts: dict[str, object] = {}
        picture = ""
        try:
            metadata = self.metadata
            facts |= {name: getattr(metadata, name) for name in metadata.__dataclass_fields__}
            picture = html_of_file(self._small_png(), "png")
        except (ImageError, StoreError) as error:
            facts["reason"] = getattr(error, "reason", "unreadable")
            facts["message"] = error
        return picture + html_of_facts(self.uri, facts)

    def _repr_png_(self) -> bytes | None:
        try:
            return self._small_png()
        except (ImageError, StoreError):
            return None

    def _small_png(self) -> bytes:
        from mrimage.image.encoding import encode
        from mrimage.image.notebook import SIDE

        return encode(self.thumbnail(SIDE, SIDE), "png", None)


@contextmanager
def own_faults() -> Iterator[None]:
    """Turn an exception that no code raises on purpose into ImageError ``internal``."""
    try:
        yield
    except (MrimageError, MemoryError):
        raise
    except Exception as error:
        raise internal(error) from error
