"""Several workers that train one codec."""
