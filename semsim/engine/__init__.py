"""The downlink cell: who is where, what they ask for, and what time and energy it costs."""
