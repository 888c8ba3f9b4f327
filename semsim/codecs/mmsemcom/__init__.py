"""MMSemCom: generate many images of a class, select one by what was sent."""
