"""Gymnasium and PettingZoo environments over the downlink engine."""
