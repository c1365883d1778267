"""The table of formats: their extensions, and the libraries that read and write them here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

HIGH_DEPTH_MODULES = ("imagecodecs", "tifffile")
"""Libraries that read samples which the other libraries would cut to 8 bits, and compressions that
the others do not support. The extra ``deep`` installs them."""


@dataclass(frozen=True, slots=True)
class Format:
    """One image format.

    ``extensions`` are in lower case and have no dot. ``reader`` and ``writer`` name libraries. If
    ``module`` is not None, it is the module of the reader, which the package's ``extra`` installs.
    ``high_depth`` names the variants of the format that only ``HIGH_DEPTH_MODULES`` can read.
    """

    name: str
    extensions: tuple[str, ...]
    reader: str
    writer: str | None = None
    extra: str | None = None
    module: str | None = None
    high_depth: str | None = None

    @property
    def missing(self) -> str | None:
        """Why this machine cannot read the format's pixels, and what to do; None if it can."""
        if self.module is None or find_spec(self.module) is not None:
            return None
        return f'the decoder is not installed: pip install "mrimage[{self.extra}]"'

    @property
    def missing_high_depth(self) -> str | None:
        """Why this machine cannot read the ``high_depth`` variants; None if it can."""
        if self.high_depth is None or all(find_spec(module) for module in HIGH_DEPTH_MODULES):
            return None
        return f'the decoder for {self.high_depth} is not installed: pip install "mrimage[deep]"'


RAW_EXTENSIONS = (
    *("3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos"),
    *("mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f"),
)
"""Extensions of camera RAW files."""

FORMATS = {
    format.name: format
    for format in (
        Format(
            "jpeg",
            ("jpg", "jpeg", "jpe", "jfif", "mpo"),
            "libjpeg-turbo (simplejpeg)",
            "libjpeg-turbo (simplejpeg)",
            high_depth="12-bit and lossless JPEG",
        ),
        Format("png", ("png", "apng"), "libvips", "libvips"),
        Format("webp", ("webp",), "libvips", "libvips"),
        Format("gif", ("gif",), "libvips"),
        Format(
            "tiff",
            ("tif", "tiff", "btf", "tf8"),
            "libvips",
            "libvips",
            high_depth="rare kinds of TIFF",
        ),
        Format("avif", ("avif", "avifs"), "libvips", "libvips"),
        Format("bmp", ("bmp", "dib"), "Pillow"),
        Format(
            "jp2",
            ("jp2", "j2k", "jpf", "jpx", "j2c", "jpc"),
            "Pillow",
            high_depth="JPEG 2000 color of more than 8 bits",
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
            high_depth="JPEG XL of more than 8 bits",
        ),
        Format("raw", RAW_EXTENSIONS, "rawpy", extra="raw", module="rawpy"),
    )
}
"""Every known format, by its name in the catalog's ``format`` column."""

_NOT_READ = frozenset(["exr", "hdr"])
"""Extensions of pictures that no reader here supports. Runs list these files and report them as
``unsupported``, because people keep them among their other pictures."""

EXTENSIONS: frozenset[str] = _NOT_READ | {
    extension for format in FORMATS.values() for extension in format.extensions
}
"""Extensions of the files that a run takes by default, in lower case and without a dot.

This is the only list of them. It includes formats whose decoder is not installed."""


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One line of ``mrimage doctor``: whether this machine reads and writes a format, with which
    library, and why it cannot read the format or some variants of it."""

    format: str
    extensions: tuple[str, ...]
    read: bool
    write: bool
    library: str
    reason: str | None


def formats() -> list[FormatRow]:
    """Return the support of every format on this machine, in the order of FORMATS."""
    return [
        FormatRow(
            format.name,
            format.extensions,
            read=format.missing is None,
            write=format.writer is not None,
            library=format.reader,
            reason=format.missing or format.missing_high_depth,
        )
        for format in FORMATS.values()
    ]
