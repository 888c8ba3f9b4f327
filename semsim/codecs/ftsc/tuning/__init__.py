"""Fine-tuning of FTSC after deployment: DFT and LSDFT (Section IV)."""
