"""The papers' figures and tables, each reproduced by one command with a verdict on each claim."""
