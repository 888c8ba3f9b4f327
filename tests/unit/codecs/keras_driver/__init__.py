"""What the tests of Keras codecs look at: all that needs TensorFlow, in a process of its own.

``python -m keras_driver FOLDER [DEVICE]`` makes small models in FOLDER, tries everything once and
writes what it saw to FOLDER/seen.json. Nothing here imports TensorFlow before that.
"""
