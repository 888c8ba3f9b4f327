"""How agents come about: worlds, RLlib's algorithms, imitation, searches."""

import os

from semsim.triton_first import import_triton_first

# RLlib loads TensorFlow where it finds it, unless told not to before its own first import.
import_triton_first()
os.environ.setdefault("RLLIB_TEST_NO_TF_IMPORT", "1")
