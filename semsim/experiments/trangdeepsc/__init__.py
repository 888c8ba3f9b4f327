"""Do et al., TranGDeepSC, ICT Express 2025."""
