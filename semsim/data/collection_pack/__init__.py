"""Small labelled collections that ship with semsim; LICENSES.md names owners and licences."""
