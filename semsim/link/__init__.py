"""Modem, transceiver, quality metrics and bounds."""
