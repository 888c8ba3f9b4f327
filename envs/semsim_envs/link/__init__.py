"""``semsim/LinkAdaptation-v0``: one link whose rate, power and MCS an agent chooses."""
