"""Which formats there are, how their content is told apart, and which library reads and writes each here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its ``extensions`` in lower case without dot, the ``reader`` and ``writer`` library, the
    optional ``extra`` of the package without which ``reader`` is missing, and what of it is ``deep``: read by HIGH_DEPTH_MODULES only."""

    name: str
    extensions: tuple[str, ...]
    reader: str
    writer: str | None = None
    extra: str | None = None
    module: str | None = None
    deep: str | None = None

    @property
    def missing(self) -> str | None:
        """Why pixels of this format cannot be read here, and what to do; None when they can."""
        if self.module is None or find_spec(self.module) is not None:
            return None
        return f'the decoder is not installed: pip install "mrimage[{self.extra}]"'

    @property
    def missing_high_depth(self) -> str | None:
        """The same of what is ``deep``."""
        if self.deep is None or all(find_spec(module) for module in HIGH_DEPTH_MODULES):
            return None
        return f'the decoder of {self.deep} is not installed: pip install "mrimage[deep]"'


HIGH_DEPTH_MODULES = ("imagecodecs", "tifffile")
"""What reads samples that the other libraries would cut to 8 bits, and compressions that they do not know."""


_RAW = "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"

FORMATS = {
    kind.name: kind
    for kind in (
        Format(
            "jpeg",
            ("jpg", "jpeg", "jpe", "jfif", "mpo"),
            "libjpeg-turbo (simplejpeg)",
            "libjpeg-turbo (simplejpeg)",
            deep="12 bits and lossless",
        ),
        Format("png", ("png", "apng"), "libvips", "libvips"),
        Format("webp", ("webp",), "libvips", "libvips"),
        Format("gif", ("gif",), "libvips"),
        Format("tiff", ("tif", "tiff", "btf", "tf8"), "libvips", "libvips", deep="rare kinds"),
        Format("avif", ("avif", "avifs"), "libvips", "libvips"),
        Format("bmp", ("bmp", "dib"), "Pillow"),
        Format(
            "jp2", ("jp2", "j2k", "jpf", "jpx", "j2c", "jpc"), "Pillow", deep="color of over 8 bits"
        ),
        Format("ppm", ("ppm", "pgm", "pbm", "pnm", "pfm", "pam"), "Pillow"),
        Format("ico", ("ico", "cur"), "Pillow"),
        Format("pcx", ("pcx",), "Pillow"),
        Format("dds", ("dds",), "Pillow"),
        Format("sgi", ("sgi", "rgb", "rgba", "bw"), "numpy"),
        Format("fits", ("fits", "fit", "fts"), "numpy"),
        Format("qoi", ("qoi",), "Pillow"),
        Format("xbm", ("xbm",), "Pillow"),
        Format("xpm", ("xpm",), "Pillow"),
        Format("tga", ("tga", "icb", "vda", "vst"), "Pillow"),
        Format("psd", ("psd", "psb"), "Pillow"),
        Format("heic", ("heic", "heif", "hif"), "pillow-heif", extra="heif", module="pillow_heif"),
        Format(
            "jxl",
            ("jxl",),
            "pillow-jxl-plugin",
            extra="jxl",
            module="pillow_jxl",
            deep="over 8 bits",
        ),
        Format("raw", tuple(_RAW.split()), "rawpy", extra="raw", module="rawpy"),
    )
}
"""Every format known, by the name that stands in the catalogue's ``format`` column."""

_NOT_READ = frozenset(["exr", "hdr"])
"""Extensions of pictures that people keep beside the others; they are reported as ``unsupported``, and not passed over."""

EXTENSIONS: frozenset[str] = _NOT_READ | {
    extension for kind in FORMATS.values() for extension in kind.extensions
}
"""Extensions of pictures, in lower case without dot, also of those whose decoder is missing here: the files that a run
takes by default. This is the only list of them."""


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One line of ``mrimage doctor``: can this format be read and written here, by which library, and why not, or not all
    of it."""

    format: str
    extensions: tuple[str, ...]
    read: bool
    write: bool
    library: str
    reason: str | None


def formats() -> list[FormatRow]:
    """The table of formats as it is on this machine, in the order of FORMATS."""
    return [
        FormatRow(
            kind.name,
            kind.extensions,
            kind.missing is None,
            kind.writer is not None,
            kind.reader,
            kind.missing or kind.missing_high_depth,
        )
        for kind in FORMATS.values()
    ]
