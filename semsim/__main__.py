"""``python -m semsim``."""

from semsim.cli.main import main

if __name__ == "__main__":
    main()
