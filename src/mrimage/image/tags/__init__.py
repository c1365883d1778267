"""Metadata other than the header: TIFF directories, EXIF, XMP and IPTC."""
