"""Sentence to image, by pipelines of diffusers.

    sentence -> tokenizer -> text encoder -> U-Net, `steps` times -> autoencoder -> image [3, H, W]

The pipeline draws at its own size; the image is resized to the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.vision_language import need
from semsim.codecs.vlm_csc.knowledge.config import StableDiffusionConfig
from semsim.codecs.vlm_csc.knowledge.contracts import Generated
from semsim.codecs.vlm_csc.knowledge.diffusion import Painter
from semsim.codecs.vlm_csc.knowledge.hub import PIPELINE, missing, where
from semsim.codecs.vlm_csc.knowledge.memory import release
from semsim.errors import CheckpointError
from semsim.types import ImageShape

_SCHEDULERS = {
    "dpm_solver": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "ddim": "DDIMScheduler",
}
#: Networks of a pipeline that make images.
_NETWORKS = ("vae", "unet", "text_encoder")
_GREY = 0.5


class StableDiffusion:
    """A ``StableDiffusionPipeline``: the receiver's knowledge base of VLM-CSC.

    An image that cannot be made is grey and marked, and the others are not touched by it: where
    memory runs out the batch is halved, down to one image; a filter that blackens an image, and
    values that are no numbers, cost this image alone.

    Args:
        config: what to load, and how images are drawn.
        device: where to compute unless the configuration says otherwise.

    Raises:
        CheckpointError: if the model cannot be found; the message names the files.
        MissingExtraError: if diffusers or transformers are not installed.
    """

    Config = StableDiffusionConfig

    def __init__(self, config: StableDiffusionConfig, device: str = "cpu") -> None:
        self.config = config
        diffusers = need("diffusers", "generator 'stable_diffusion'")
        need("transformers", "generator 'stable_diffusion'")
        self._pipeline = self._load(diffusers, getattr(torch, config.dtype))
        self._pipeline.to(torch.device(config.device or device))
        for name in _NETWORKS:
            getattr(self._pipeline, name).eval()
        self._pipeline.set_progress_bar_config(disable=True)
        if config.scheduler != "own":
            kind = getattr(diffusers, _SCHEDULERS[config.scheduler])
            self._pipeline.scheduler = kind.from_config(self._pipeline.scheduler.config)

    def _load(self, diffusers: Any, dtype: torch.dtype) -> Any:
        name, weights = self.config.pretrained, self.config.weights
        if name is None:
            checkpoint = None if weights is None else checkpoints.named(weights)
            if checkpoint is None or "diffusion" not in checkpoint.model:
                raise CheckpointError(
                    f"{weights}: these are no weights of a latent diffusion model (objective "
                    "'latent_diffusion' makes them)"
                )
            return Painter.restore(checkpoint).to(dtype).pipeline()
        place = where(name, PIPELINE)
        unfiltered = {} if self.config.safety_checker else {"safety_checker": None}
        try:
            return diffusers.StableDiffusionPipeline.from_pretrained(
                place,
                dtype=dtype,
                use_safetensors=True,
                **unfiltered,
            )
        except (OSError, ValueError) as error:
            raise missing(name, PIPELINE, error) from error

    def __enter__(self) -> StableDiffusion:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory of the models back; the generator cannot be used any more."""
        release(self)

    @property
    def network(self) -> nn.Module:
        """The networks that make images."""
        return nn.ModuleDict({name: getattr(self._pipeline, name) for name in _NETWORKS})

    @cached_property
    def flops(self) -> float:
        """Operations for one image; a filter of indecent images is not counted."""
        pipe, dtype = self._pipeline, self._pipeline.unet.dtype
        words = on_meta(1, pipe.tokenizer.model_max_length, dtype=torch.long)
        told = on_meta(1, words.shape[1], pipe.unet.config.cross_attention_dim, dtype=dtype)
        side = pipe.unet.config.sample_size
        latents = on_meta(1, pipe.unet.config.in_channels, side, side, dtype=dtype)
        reading = count_flops(pipe.text_encoder, lambda m: m(words))
        step = count_flops(pipe.unet, lambda m: m(latents, 0, told))
        drawing = count_flops(pipe.vae, lambda m: m.decode(latents))
        # With guidance, everything is done for the sentence and for none.
        passes = 2 if self.config.guidance > 1 else 1
        return passes * (reading + self.config.steps * step) + drawing

    def save(self, folder: str) -> None:
        """Write the pipeline as diffusers does; `pretrained: FOLDER` loads it."""
        self._pipeline.save_pretrained(folder)

    @torch.inference_mode()
    def generate(
        self, sentences: Sequence[str], shape: ImageShape, seeds: Sequence[int]
    ) -> Generated:
        """Return an image of ``shape`` for each sentence; see :class:`Generator`.

        Raises:
            ValueError: if there are not as many seeds as sentences, or no three colours.
        """
        if len(seeds) != len(sentences) or shape[0] != 3:
            raise ValueError(
                f"{len(sentences)} sentences, {len(seeds)} seeds and shape {shape}: give a seed "
                "for each sentence, and a shape (3, H, W)"
            )
        image = torch.full((len(sentences), *shape), _GREY, device=self._pipeline.device)
        failures: dict[int, str] = {}
        size, start = self.config.batch, 0
        while start < len(sentences):
            places = range(start, min(start + size, len(sentences)))
            try:
                made, indecent = self._draw(
                    [sentences[i] for i in places], [seeds[i] for i in places]
                )
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                start, size = self._with_less(places, size, failures)
                continue
            for place, one, hidden in zip(places, made, indecent, strict=True):
                if hidden:
                    failures[place] = "blackened by the filter of indecent images"
                elif not bool(torch.isfinite(one).all()):
                    failures[place] = "values that are no numbers"
                else:
                    image[place] = _resized(one, shape)
            start = places.stop
        return Generated(image, failures)

    def _with_less(self, places: range, size: int, failures: dict[int, str]) -> tuple[int, int]:
        """Return where to go on and with how many images after memory ran out."""
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(places) == 1:
            failures[places.start] = "out of memory"
            return places.stop, size
        return places.start, len(places) // 2

    def _draw(self, sentences: list[str], seeds: list[int]) -> tuple[Tensor, list[bool]]:
        """Return images ``[B, 3, h, w]`` of the model's own size, and which a filter hides."""
        device = self._pipeline.device
        done = self._pipeline(
            prompt=sentences,
            num_inference_steps=self.config.steps,
            guidance_scale=self.config.guidance,
            generator=[torch.Generator(device).manual_seed(seed) for seed in seeds],
            output_type="pt",
        )
        return done.images, done.nsfw_content_detected or [False] * len(sentences)


def _out_of_memory(error: BaseException) -> bool:
    # A CPU's allocator raises a bare RuntimeError.
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or "allocate memory" in str(error)


def _resized(image: Tensor, shape: ImageShape) -> Tensor:
    """Return ``image [3, h, w]`` in ``shape``, in 0..1."""
    image = image.float()
    if image.shape[1:] != shape[1:]:
        image = F.interpolate(image[None], shape[1:], mode="bilinear", antialias=True)[0]
    return image.clamp(0.0, 1.0)
