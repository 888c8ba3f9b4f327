"""Ray agents for the environments of :mod:`semsim_envs`."""
