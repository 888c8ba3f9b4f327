"""``python -m semsim``."""

import gc

# Starting makes objects that all stay: looking for garbage among them takes a tenth of the time
# of a light command. Commands that work for long switch it on again.
gc.disable()

from semsim.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
