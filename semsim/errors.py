"""The errors that semsim raises on purpose.

Besides :class:`TypeError` and :class:`ValueError` for misuse of a function there is one family,
:class:`SemsimError`: something in the user's world (a file, a name, a machine) is not as it must
be. The command line prints these without a traceback, so each message names the place and the
remedy.
"""

from __future__ import annotations


class SemsimError(Exception):
    """Base of all errors that a user can mend; ``exit_code`` is what the command line returns."""

    exit_code = 2


class ScenarioError(SemsimError):
    """A scenario or recipe file is wrong; the message lists every mistake with file and line."""


class RegistryError(SemsimError):
    """A plug-in name is unknown or taken twice."""


class CheckpointError(SemsimError):
    """Weights are missing, damaged or not what their card says."""


class DataError(SemsimError):
    """Images cannot be found or read."""


class DeviceError(SemsimError):
    """The device asked for does not exist on this machine."""


class AllocationError(SemsimError):
    """An allocation breaks its constraints, or a solver found none."""


class NothingArrivedError(SemsimError):
    """Of the images that a fine-tuning phase sent, none arrived."""


class MissingExtraError(SemsimError):
    """An optional dependency is not installed; the message names the extra."""
