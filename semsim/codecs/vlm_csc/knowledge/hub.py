"""Models by name: a folder, or the Hugging Face hub where it can be reached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semsim.codecs.vision_language import need
from semsim.errors import CheckpointError

_MODEL = ("config.json", "model.safetensors", "preprocessor_config.json")
_WORDS = ("tokenizer.json", "tokenizer_config.json")
#: Files of a latent diffusion model, by folder.
PIPELINE = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/tokenizer_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)


@dataclass(frozen=True)
class Pretrained:
    """How a captioner is loaded.

    Attributes:
        model: name of its class in transformers.
        words: whether a tokenizer belongs to it.
    """

    model: str
    words: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """What a folder must hold."""
        return _MODEL + (_WORDS if self.words else ())

    def load(self, name: str) -> tuple[Any, Any]:
        """Return model and image processor.

        Raises:
            CheckpointError: if they cannot be found.
            MissingExtraError: if transformers is not installed.
        """
        transformers = need("transformers", f"{self.model} of {name!r}")
        place = where(name, self.files)
        try:
            model = getattr(transformers, self.model).from_pretrained(place, use_safetensors=True)
            return model, transformers.AutoImageProcessor.from_pretrained(place)
        except (OSError, ValueError) as error:
            raise missing(name, self.files, error) from error

    def tokenizer(self, name: str) -> Any:
        """Return the tokenizer.

        Raises:
            CheckpointError: if it cannot be found.
        """
        transformers = need("transformers", f"the tokenizer of {name!r}")
        try:
            return transformers.AutoTokenizer.from_pretrained(where(name, self.files))
        except (OSError, ValueError) as error:
            raise missing(name, self.files, error) from error


def where(name: str, files: tuple[str, ...]) -> str:
    """Return the folder that ``name`` means, or ``name`` itself, a model of the hub.

    Raises:
        CheckpointError: if it can only be a folder and there is none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise CheckpointError(f"{name}: there is no such folder; it should hold {', '.join(files)}")
    return name


def missing(name: str, files: tuple[str, ...], error: Exception) -> CheckpointError:
    """Return the error that says which files to fetch and where to put them."""
    why = str(error).strip().splitlines()[0]
    folder = Path(name).expanduser()
    if folder.is_dir():
        absent = [file for file in files if not (folder / file).is_file()]
        lacks = f"lacks {', '.join(absent)}" if absent else "cannot be loaded"
        return CheckpointError(f"{name}: {lacks} ({why})")
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    return CheckpointError(
        f"{name}: not in this machine's cache ({home}/hub, moved by HF_HOME), and the hub cannot "
        f"be reached ({why}). On a machine that reaches it, run `hf download {name}` and copy its "
        f"HF_HOME here; or put {', '.join(files)} into a folder and write `pretrained: FOLDER`"
    )
