"""Who gets which bandwidth, power and compression: the problem, simple rules, and solvers."""
