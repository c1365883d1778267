"""Facts beside the picture: TIFF directories, EXIF, XMP and IPTC."""
