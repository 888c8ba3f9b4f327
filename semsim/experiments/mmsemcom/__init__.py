"""MMSemCom's figures and table."""
