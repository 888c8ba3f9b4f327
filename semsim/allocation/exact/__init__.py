"""The exact solution of P1 and its proof."""
