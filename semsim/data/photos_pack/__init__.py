"""Photographs that ship with semsim; LICENSES.md names authors and licences."""
