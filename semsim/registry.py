"""Plug-ins by room and name, found without importing them.

A plug-in is a pydantic ``Config`` (a subclass of :class:`semsim.config.PluginConfig` whose
``kind`` is its name) and the class that it builds. Built-ins are listed here as strings, so that
checking a scenario imports neither torch nor sionna. Third parties declare an entry point in one
of the groups below that names their class; its attribute ``Config`` is the pydantic model, and
the class is built as ``Class(config, ...)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from semsim.errors import RegistryError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints


@dataclass(frozen=True)
class Plugin:
    """One name in one room: where its ``Config`` and its class are, and what it is."""

    name: str
    config: str | None
    target: str
    summary: str
    distribution: str = "semsim-net"

    def load_target(self) -> Any:
        """Import and return the class."""
        return _load(self.target, self)

    def load_config(self) -> Any:
        """Import and return the pydantic model; for built-ins this does not import torch."""
        if self.config is not None:
            return _load(self.config, self)
        config = getattr(self.load_target(), "Config", None)
        if config is None:
            raise RegistryError(
                f"plug-in {self.name!r} of {self.distribution}: {self.target} lacks a Config"
            )
        return config


def _load(path: str, plugin: Plugin) -> Any:
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise RegistryError(
            f"plug-in {plugin.name!r} of {plugin.distribution}: cannot load {path}: {error}"
        ) from error


_BUILT_IN: dict[str, tuple[Plugin, ...]] = {
    "codecs": (
        Plugin(
            "ftsc",
            "semsim.codecs.ftsc.config:FtscConfig",
            "semsim.codecs.ftsc.codec:Ftsc",
            "VQ-VAE-2 at scaling rates [2,2], [4,2], [8,2]; indices as bits, or latents (FTSC)",
        ),
        Plugin(
            "trangdeepsc",
            "semsim.codecs.trangdeepsc.config:TranGDeepScConfig",
            "semsim.codecs.trangdeepsc.trangdeepsc:TranGDeepSc",
            "gated convolutions, 16 real symbols for 12 values (TranGDeepSC)",
        ),
        Plugin(
            "vitdeepsc",
            "semsim.codecs.trangdeepsc.config:ViTDeepScConfig",
            "semsim.codecs.trangdeepsc.vitdeepsc:ViTDeepSc",
            "TranGDeepSC's teacher, of transformer blocks",
        ),
        Plugin(
            "deepjscc",
            "semsim.codecs.jscc.config:DeepJsccConfig",
            "semsim.codecs.jscc.deepjscc:DeepJscc",
            "five convolutions and PReLU at each end (Bourtsoulatze et al.)",
        ),
        Plugin(
            "semvit",
            "semsim.codecs.jscc.config:SemVitConfig",
            "semsim.codecs.jscc.semvit:SemVit",
            "convolutions, then vision transformer layers (Yoo et al.)",
        ),
        Plugin(
            "adjscc_v",
            "semsim.codecs.jscc.config:AdjsccVConfig",
            "semsim.codecs.jscc.adjscc_v:AdjsccV",
            "SNR attention, variable code length, Oracle Network (Zhang et al.)",
        ),
        Plugin(
            "witt",
            "semsim.codecs.jscc.config:WittConfig",
            "semsim.codecs.jscc.witt:Witt",
            "Swin transformer with channel modulation (Yang et al.)",
        ),
        Plugin(
            "rkd_sc",
            "semsim.codecs.rkd_sc.config:RkdScConfig",
            "semsim.codecs.rkd_sc.codec:RkdSc",
            "a class instead of an image: distilled features, channel-aware transformer (RKD-SC)",
        ),
        Plugin(
            "t_deepsc",
            "semsim.codecs.t_deepsc.config:TDeepScConfig",
            "semsim.codecs.t_deepsc.codec:TDeepSc",
            "a class by ten indices of a codebook, from a vision transformer (T-DeepSC)",
        ),
        Plugin(
            "mmsemcom",
            "semsim.codecs.mmsemcom.config:MmsemcomConfig",
            "semsim.codecs.mmsemcom.codec:Mmsemcom",
            "features select among generated images (MMSemCom; extra vision-language)",
        ),
        Plugin(
            "keras",
            "semsim.codecs.keras.config:KerasConfig",
            "semsim.codecs.keras.codec:KerasCodec",
            "a saved Keras encoder and decoder (extra tensorflow)",
        ),
        Plugin(
            "classical",
            "semsim.codecs.classical.config:ClassicalConfig",
            "semsim.codecs.classical.codec:Classical",
            "JPEG, WebP, AVIF or HEVC searched to a bit budget, the sanity rival",
        ),
        Plugin(
            "linear",
            "semsim.codecs.linear.config:LinearConfig",
            "semsim.codecs.linear.codec:Linear",
            "the best linear analog code for a known covariance",
        ),
        Plugin(
            "deepsc_text",
            "semsim.codecs.vlm_csc.text_config:DeepScTextConfig",
            "semsim.codecs.vlm_csc.text_codec:DeepScText",
            "sentences as symbols: transformers with noise attention (VLM-CSC, DeepSC)",
        ),
        Plugin(
            "text_digital",
            "semsim.codecs.vlm_csc.text_config:TextDigitalConfig",
            "semsim.codecs.vlm_csc.text_digital:TextDigital",
            "sentences as bits: Huffman words or UTF-8, the digital rival",
        ),
    ),
    "channels": (
        Plugin(
            "awgn",
            "semsim.channels.config:AwgnConfig",
            "semsim.channels.flat:Awgn",
            "additive white Gaussian noise",
        ),
        Plugin(
            "rayleigh",
            "semsim.channels.config:RayleighConfig",
            "semsim.channels.flat:Rayleigh",
            "Rayleigh block fading, one gain an image or a block, coherent receiver",
        ),
        Plugin(
            "rician",
            "semsim.channels.config:RicianConfig",
            "semsim.channels.flat:Rician",
            "Rician block fading with factor K",
        ),
        Plugin(
            "ofdm_tdl",
            "semsim.channels.config:OfdmTdlConfig",
            "semsim.channels.ofdm:OfdmTdl",
            "OFDM over 3GPP TDL; perfect, LS or LMMSE channel knowledge",
        ),
        Plugin(
            "ofdm_cdl",
            "semsim.channels.config:OfdmCdlConfig",
            "semsim.channels.ofdm:OfdmCdl",
            "OFDM over 3GPP CDL with antenna arrays; perfect, LS or LMMSE channel knowledge",
        ),
    ),
    "allocators": (
        Plugin(
            "equal",
            "semsim.allocation.config:EqualConfig",
            "semsim.allocation.baselines:Equal",
            "equal bandwidth and power, one compression rate for all",
        ),
        Plugin(
            "random",
            "semsim.allocation.config:RandomConfig",
            "semsim.allocation.baselines:Random",
            "uniform on the simplex, seeded",
        ),
        Plugin(
            "alternating",
            "semsim.allocation.config:AlternatingConfig",
            "semsim.allocation.alternating:Alternating",
            "Algorithm 1 of FTSC: block-coordinate ascent in CVXPY",
        ),
        Plugin(
            "alternating_joint",
            "semsim.allocation.config:AlternatingJointConfig",
            "semsim.allocation.alternating:AlternatingJoint",
            "Algorithm 1 repaired: compression and the slowest delay are chosen together",
        ),
        Plugin(
            "slsqp",
            "semsim.allocation.config:SlsqpConfig",
            "semsim.allocation.slsqp:Slsqp",
            "many local searches, the independent check for few users",
        ),
        Plugin(
            "water_filling",
            "semsim.allocation.config:WaterFillingConfig",
            "semsim.allocation.heuristics:WaterFilling",
            "equal bandwidth, power for the largest sum of rates",
        ),
        Plugin(
            "proportional_fair",
            "semsim.allocation.config:ProportionalFairConfig",
            "semsim.allocation.heuristics:ProportionalFair",
            "bandwidth and power for the largest sum of log rates",
        ),
        Plugin(
            "best_rate_fixed_power",
            "semsim.allocation.config:BestRateFixedPowerConfig",
            "semsim.allocation.fixed_power:BestRateFixedPower",
            "equal power, and the best bandwidth and compression for it",
        ),
        Plugin(
            "exact",
            "semsim.allocation.config:ExactConfig",
            "semsim.allocation.exact.allocator:Exact",
            "the optimum by prices and Newton's method, in batches",
        ),
        Plugin(
            "closed_form",
            "semsim.allocation.config:ClosedFormConfig",
            "semsim.allocation.closed_form:ClosedForm",
            "the optimum where computing time does not depend on the rate, in formulas",
        ),
        Plugin(
            "branch_and_bound",
            "semsim.allocation.config:BranchAndBoundConfig",
            "semsim.allocation.branch_and_bound:BranchAndBound",
            "slow; an upper bound without concavity",
        ),
        Plugin(
            "agent",
            "semsim_agents.config:AgentAllocatorConfig",
            "semsim_agents.allocator:AgentAllocator",
            "a trained agent (`semsim agent train`)",
        ),
    ),
    "sources": (
        Plugin(
            "photos",
            "semsim.data.config:PhotosConfig",
            "semsim.data.photos:Photos",
            "natural photographs that ship with semsim",
        ),
        Plugin(
            "collection",
            "semsim.data.config:CollectionConfig",
            "semsim.data.collection:Collection",
            "fashion or emoji: small labelled sets that ship with semsim",
        ),
        Plugin(
            "tinted",
            "semsim.data.config:TintedConfig",
            "semsim.data.tinted:Tinted",
            "two or more classes of Fashion-MNIST in colour, captioned",
        ),
        Plugin(
            "scenes",
            "semsim.data.config:ScenesConfig",
            "semsim.data.scenes:Scenes",
            "drawn scenes with labels and captions, seeded",
        ),
        Plugin(
            "sentences",
            "semsim.data.config:SentencesConfig",
            "semsim.data.sentences:Sentences",
            "sentences of a text file, without pictures",
        ),
        Plugin(
            "gaussian",
            "semsim.data.config:GaussianConfig",
            "semsim.data.gaussian:Gaussian",
            "Gaussian images of known covariance, where OPTA is a bound",
        ),
        Plugin(
            "folder",
            "semsim.data.config:FolderConfig",
            "semsim.data.folder:Folder",
            "any folder of images",
        ),
        Plugin(
            "torchvision",
            "semsim.data.config:TorchvisionConfig",
            "semsim.data.torchvision_sets:TorchvisionSet",
            "CIFAR-10, CIFAR-100, STL-10, Fashion-MNIST",
        ),
    ),
    "captioners": (
        Plugin(
            "blip",
            "semsim.codecs.vlm_csc.knowledge.config:BlipConfig",
            "semsim.codecs.vlm_csc.knowledge.captioners:Blip",
            "BLIP: the captioner of VLM-CSC (extra vision-language)",
        ),
        Plugin(
            "git",
            "semsim.codecs.vlm_csc.knowledge.config:GitConfig",
            "semsim.codecs.vlm_csc.knowledge.captioners:Git",
            "GIT: a captioner of LEMON's family (extra vision-language)",
        ),
        Plugin(
            "tagger",
            "semsim.codecs.vlm_csc.knowledge.config:TaggerConfig",
            "semsim.codecs.vlm_csc.knowledge.captioners:Tagger",
            "recognised tags joined to a text, RAM's kind (extra vision-language)",
        ),
    ),
    "generators": (
        Plugin(
            "stable_diffusion",
            "semsim.codecs.vlm_csc.knowledge.config:StableDiffusionConfig",
            "semsim.codecs.vlm_csc.knowledge.generators:StableDiffusion",
            "Stable Diffusion: the generator of VLM-CSC (extra vision-language)",
        ),
    ),
    "samplers": (
        Plugin(
            "class_diffusion",
            "semsim.codecs.mmsemcom.sampler_config:ClassDiffusionConfig",
            "semsim.codecs.mmsemcom.sampler:ClassDiffusion",
            "images of a class by diffusion: MMSemCom's generator (extra vision-language)",
        ),
    ),
    "objectives": (
        Plugin(
            "vqvae2",
            "semsim.codecs.ftsc.config:VqVae2ObjectiveConfig",
            "semsim.codecs.ftsc.objective:VqVae2Objective",
            "reconstruction and codebook loss of one VQ-VAE-2 (FTSC eq. 3-4)",
        ),
        Plugin(
            "latent_denoisers",
            "semsim.codecs.ftsc.tuning.config:DenoisersObjectiveConfig",
            "semsim.codecs.ftsc.tuning.denoisers:DenoisersObjective",
            "a DnCNN a latent level that takes channel noise off (FTSC Fig. 5 b)",
        ),
        Plugin(
            "reconstruction",
            "semsim.training.config:ReconstructionConfig",
            "semsim.training.reconstruction:Reconstruction",
            "mean squared error of a codec's images after a channel",
        ),
        Plugin(
            "classification",
            "semsim.training.config:ClassificationConfig",
            "semsim.training.classification:Classification",
            "cross-entropy of a codec's classes after a channel",
        ),
        Plugin(
            "rkd_features",
            "semsim.codecs.rkd_sc.config:RkdFeaturesConfig",
            "semsim.codecs.rkd_sc.distillation:RkdFeatures",
            "a semantic encoder learns a teacher's features (RKD-SC's stage 1, eq. 25)",
        ),
        Plugin(
            "rkd_joint",
            "semsim.codecs.rkd_sc.config:RkdJointConfig",
            "semsim.codecs.rkd_sc.distillation:RkdJoint",
            "semantic and channel codecs of several senders, one receiver (stage 2, eq. 26)",
        ),
        Plugin(
            "text_alternation",
            "semsim.codecs.vlm_csc.text_config:TextAlternationConfig",
            "semsim.codecs.vlm_csc.text_objective:TextAlternation",
            "channel coder by mutual information, semantic coder by cross-entropy (VLM-CSC)",
        ),
        Plugin(
            "oracle",
            "semsim.codecs.jscc.config:OracleConfig",
            "semsim.codecs.jscc.oracle:OracleObjective",
            "the Oracle Network of ADJSCC-V learns to predict the PSNR (Zhang et al.)",
        ),
        Plugin(
            "cotraining",
            "semsim.codecs.trangdeepsc.config:CotrainingConfig",
            "semsim.codecs.trangdeepsc.cotraining:Cotraining",
            "student and teacher side by side, Algorithm 1 of TranGDeepSC",
        ),
        Plugin(
            "autoencoding",
            "semsim.codecs.vlm_csc.knowledge.config:AutoencodingConfig",
            "semsim.codecs.vlm_csc.knowledge.autoencoder:Autoencoding",
            "the autoencoder of a small latent diffusion model (VLM-CSC)",
        ),
        Plugin(
            "captioning",
            "semsim.codecs.vlm_csc.knowledge.config:CaptioningConfig",
            "semsim.codecs.vlm_csc.knowledge.captioning:Captioning",
            "a captioner learns the captions of its images (VLM-CSC)",
        ),
        Plugin(
            "latent_diffusion",
            "semsim.codecs.vlm_csc.knowledge.config:LatentDiffusionConfig",
            "semsim.codecs.vlm_csc.knowledge.diffusion:LatentDiffusion",
            "a U-Net and a text encoder learn to draw captioned latents (VLM-CSC)",
        ),
        Plugin(
            "class_denoising",
            "semsim.codecs.mmsemcom.sampler_config:ClassDenoisingConfig",
            "semsim.codecs.mmsemcom.sampler:ClassDenoising",
            "a U-Net learns the noise in images of a class (MMSemCom, eq. 17)",
        ),
        Plugin(
            "mmsemcom_features",
            "semsim.codecs.mmsemcom.config:FeaturesObjectiveConfig",
            "semsim.codecs.mmsemcom.learning:MmsemcomFeatures",
            "image features, prompts and their fusion learn to be told apart (MMSemCom)",
        ),
    ),
}

#: Rooms that take plug-ins; the entry-point group of a room is ``semsim.<room>``.
ROOMS = tuple(_BUILT_IN)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``'; did you mean …?'`` with the nearest known name, or an empty string.

    >>> suggest("rayligh", ["awgn", "rayleigh"])
    "; did you mean 'rayleigh'?"
    """
    import difflib  # only mistakes need it

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _third_party(point: EntryPoint) -> Plugin:
    distribution = point.dist.name if point.dist is not None else "an unknown distribution"
    return Plugin(point.name, None, point.value, f"from {distribution}", distribution)


def _installed(room: str) -> EntryPoints:
    # Looking through all installed distributions is slow, and built-ins do not need it.
    from importlib.metadata import entry_points

    return entry_points(group=f"semsim.{room}")


@cache
def plugins(room: str) -> dict[str, Plugin]:
    """Return every plug-in of ``room`` by name, built-in and installed.

    Raises:
        RegistryError: if the room is unknown or two distributions claim one name.
    """
    if room not in _BUILT_IN:
        raise RegistryError(f"there is no room {room!r}{suggest(room, ROOMS)}")
    found = {plugin.name: plugin for plugin in _BUILT_IN[room]}
    for point in _installed(room):
        plugin = _third_party(point)
        taken = found.get(plugin.name)
        if taken is not None and taken.target != plugin.target:
            raise RegistryError(
                f"{room}: the name {plugin.name!r} is taken twice, by {taken.distribution} and "
                f"{plugin.distribution}; uninstall one or rename its entry point"
            )
        found[plugin.name] = plugin
    return found


def find(room: str, name: str) -> Plugin:
    """Return the plug-in ``name`` of ``room``.

    A built-in is returned without looking through the installed distributions, which takes as
    long as checking a scenario; one that claims a built-in's name can never stand in for it, and
    :func:`plugins` refuses it.

    Raises:
        RegistryError: if there is none; the message suggests the nearest name.
    """
    for plugin in _BUILT_IN.get(room, ()):
        if plugin.name == name:
            return plugin
    known = plugins(room)
    if name not in known:
        hint = f"{suggest(name, known)} (known {room}: {', '.join(sorted(known))})"
        raise RegistryError(f"unknown kind {name!r}{hint}")
    return known[name]
