"""P. Si et al., Post-Deployment Fine-Tunable Semantic Communication."""
