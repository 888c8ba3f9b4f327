"""VLM-CSC's figures."""
