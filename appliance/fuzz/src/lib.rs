//! Fuzz targets of the parsers that take foreign bytes.
