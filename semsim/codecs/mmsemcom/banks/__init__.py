"""Banks that ship, a folder each."""
