"""Plug-ins that come with semsim: by room, each one's name, ``Config``, class and what it is.

Strings, so that :mod:`semsim.registry` finds them without importing them.
"""

from __future__ import annotations

BUILT_IN: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "codecs": (
        (
            "ftsc",
            "semsim.codecs.ftsc.config:FtscConfig",
            "semsim.codecs.ftsc.codec:Ftsc",
            "VQ-VAE-2 at scaling rates [2,2], [4,2], [8,2]; indices as bits, or latents (FTSC)",
        ),
        (
            "trangdeepsc",
            "semsim.codecs.trangdeepsc.config:TranGDeepScConfig",
            "semsim.codecs.trangdeepsc.trangdeepsc:TranGDeepSc",
            "gated convolutions, 16 real symbols for 12 values (TranGDeepSC)",
        ),
        (
            "vitdeepsc",
            "semsim.codecs.trangdeepsc.config:ViTDeepScConfig",
            "semsim.codecs.trangdeepsc.vitdeepsc:ViTDeepSc",
            "TranGDeepSC's teacher, of transformer blocks",
        ),
        (
            "deepjscc",
            "semsim.codecs.jscc.config:DeepJsccConfig",
            "semsim.codecs.jscc.deepjscc:DeepJscc",
            "five convolutions and PReLU at each end (Bourtsoulatze et al.)",
        ),
        (
            "semvit",
            "semsim.codecs.jscc.config:SemVitConfig",
            "semsim.codecs.jscc.semvit:SemVit",
            "convolutions, then vision transformer layers (Yoo et al.)",
        ),
        (
            "adjscc_v",
            "semsim.codecs.jscc.config:AdjsccVConfig",
            "semsim.codecs.jscc.adjscc_v:AdjsccV",
            "SNR attention, variable code length, Oracle Network (Zhang et al.)",
        ),
        (
            "witt",
            "semsim.codecs.jscc.config:WittConfig",
            "semsim.codecs.jscc.witt:Witt",
            "Swin transformer with channel modulation (Yang et al.)",
        ),
        (
            "rkd_sc",
            "semsim.codecs.rkd_sc.config:RkdScConfig",
            "semsim.codecs.rkd_sc.codec:RkdSc",
            "a class instead of an image: distilled features, channel-aware transformer (RKD-SC)",
        ),
        (
            "t_deepsc",
            "semsim.codecs.t_deepsc.config:TDeepScConfig",
            "semsim.codecs.t_deepsc.codec:TDeepSc",
            "a class by ten indices of a codebook, from a vision transformer (T-DeepSC)",
        ),
        (
            "mmsemcom",
            "semsim.codecs.mmsemcom.config:MmsemcomConfig",
            "semsim.codecs.mmsemcom.codec:Mmsemcom",
            "features select among generated images (MMSemCom; extra vision-language)",
        ),
        (
            "keras",
            "semsim.codecs.keras.config:KerasConfig",
            "semsim.codecs.keras.codec:KerasCodec",
            "a saved Keras encoder and decoder (extra tensorflow)",
        ),
        (
            "classical",
            "semsim.codecs.classical.config:ClassicalConfig",
            "semsim.codecs.classical.codec:Classical",
            "JPEG, WebP, AVIF or HEVC searched to a bit budget, the sanity rival",
        ),
        (
            "linear",
            "semsim.codecs.linear.config:LinearConfig",
            "semsim.codecs.linear.codec:Linear",
            "the best linear analog code for a known covariance",
        ),
        (
            "vlm_csc",
            "semsim.codecs.vlm_csc.config:VlmCscConfig",
            "semsim.codecs.vlm_csc.codec:VlmCsc",
            "an image as its sentence, drawn again by a generator (VLM-CSC)",
        ),
        (
            "deepsc_text",
            "semsim.codecs.vlm_csc.text_config:DeepScTextConfig",
            "semsim.codecs.vlm_csc.text_codec:DeepScText",
            "sentences as symbols: transformers with noise attention (VLM-CSC, DeepSC)",
        ),
        (
            "text_digital",
            "semsim.codecs.vlm_csc.text_config:TextDigitalConfig",
            "semsim.codecs.vlm_csc.text_digital:TextDigital",
            "sentences as bits: Huffman words or UTF-8, the digital rival",
        ),
    ),
    "channels": (
        (
            "awgn",
            "semsim.channels.config:AwgnConfig",
            "semsim.channels.flat:Awgn",
            "additive white Gaussian noise",
        ),
        (
            "rayleigh",
            "semsim.channels.config:RayleighConfig",
            "semsim.channels.flat:Rayleigh",
            "Rayleigh block fading, one gain an image or a block, coherent receiver",
        ),
        (
            "rician",
            "semsim.channels.config:RicianConfig",
            "semsim.channels.flat:Rician",
            "Rician block fading with factor K",
        ),
        (
            "ofdm_tdl",
            "semsim.channels.config:OfdmTdlConfig",
            "semsim.channels.ofdm:OfdmTdl",
            "OFDM over 3GPP TDL; perfect, LS or LMMSE channel knowledge",
        ),
        (
            "ofdm_cdl",
            "semsim.channels.config:OfdmCdlConfig",
            "semsim.channels.ofdm:OfdmCdl",
            "OFDM over 3GPP CDL with antenna arrays; perfect, LS or LMMSE channel knowledge",
        ),
    ),
    "allocators": (
        (
            "equal",
            "semsim.allocation.config:EqualConfig",
            "semsim.allocation.baselines:Equal",
            "equal bandwidth and power, one compression rate for all",
        ),
        (
            "random",
            "semsim.allocation.config:RandomConfig",
            "semsim.allocation.baselines:Random",
            "uniform on the simplex, seeded",
        ),
        (
            "alternating",
            "semsim.allocation.config:AlternatingConfig",
            "semsim.allocation.alternating:Alternating",
            "Algorithm 1 of FTSC: block-coordinate ascent in CVXPY",
        ),
        (
            "alternating_joint",
            "semsim.allocation.config:AlternatingJointConfig",
            "semsim.allocation.alternating:AlternatingJoint",
            "Algorithm 1 repaired: compression and the slowest delay are chosen together",
        ),
        (
            "slsqp",
            "semsim.allocation.config:SlsqpConfig",
            "semsim.allocation.slsqp:Slsqp",
            "many local searches, the independent check for few users",
        ),
        (
            "water_filling",
            "semsim.allocation.config:WaterFillingConfig",
            "semsim.allocation.heuristics:WaterFilling",
            "equal bandwidth, power for the largest sum of rates",
        ),
        (
            "proportional_fair",
            "semsim.allocation.config:ProportionalFairConfig",
            "semsim.allocation.heuristics:ProportionalFair",
            "bandwidth and power for the largest sum of log rates",
        ),
        (
            "best_rate_fixed_power",
            "semsim.allocation.config:BestRateFixedPowerConfig",
            "semsim.allocation.fixed_power:BestRateFixedPower",
            "equal power, and the best bandwidth and compression for it",
        ),
        (
            "exact",
            "semsim.allocation.config:ExactConfig",
            "semsim.allocation.exact.allocator:Exact",
            "the optimum by prices and Newton's method, in batches",
        ),
        (
            "closed_form",
            "semsim.allocation.config:ClosedFormConfig",
            "semsim.allocation.closed_form:ClosedForm",
            "the optimum where computing time does not depend on the rate, in formulas",
        ),
        (
            "branch_and_bound",
            "semsim.allocation.config:BranchAndBoundConfig",
            "semsim.allocation.branch_and_bound:BranchAndBound",
            "slow; an upper bound without concavity",
        ),
        (
            "agent",
            "semsim_agents.config:AgentAllocatorConfig",
            "semsim_agents.allocator:AgentAllocator",
            "a trained agent (`semsim agent train`)",
        ),
    ),
    "sources": (
        (
            "photos",
            "semsim.data.config:PhotosConfig",
            "semsim.data.photos:Photos",
            "natural photographs that ship with semsim",
        ),
        (
            "collection",
            "semsim.data.config:CollectionConfig",
            "semsim.data.collection:Collection",
            "fashion or emoji: small labelled sets that ship with semsim",
        ),
        (
            "tinted",
            "semsim.data.config:TintedConfig",
            "semsim.data.tinted:Tinted",
            "two or more classes of Fashion-MNIST in colour, captioned",
        ),
        (
            "scenes",
            "semsim.data.config:ScenesConfig",
            "semsim.data.scenes:Scenes",
            "drawn scenes with labels and captions, seeded",
        ),
        (
            "sentences",
            "semsim.data.config:SentencesConfig",
            "semsim.data.sentences:Sentences",
            "sentences of a text file, without pictures",
        ),
        (
            "gaussian",
            "semsim.data.config:GaussianConfig",
            "semsim.data.gaussian:Gaussian",
            "Gaussian images of known covariance, where OPTA is a bound",
        ),
        (
            "folder",
            "semsim.data.config:FolderConfig",
            "semsim.data.folder:Folder",
            "any folder of images",
        ),
        (
            "torchvision",
            "semsim.data.config:TorchvisionConfig",
            "semsim.data.torchvision_sets:TorchvisionSet",
            "CIFAR-10, CIFAR-100, STL-10, Fashion-MNIST",
        ),
    ),
    "captioners": (
        (
            "blip",
            "semsim.codecs.vlm_csc.knowledge.config:BlipConfig",
            "semsim.codecs.vlm_csc.knowledge.captioners:Blip",
            "BLIP: the captioner of VLM-CSC (extra vision-language)",
        ),
        (
            "git",
            "semsim.codecs.vlm_csc.knowledge.config:GitConfig",
            "semsim.codecs.vlm_csc.knowledge.captioners:Git",
            "GIT: a captioner of LEMON's family (extra vision-language)",
        ),
        (
            "tagger",
            "semsim.codecs.vlm_csc.knowledge.config:TaggerConfig",
            "semsim.codecs.vlm_csc.knowledge.captioners:Tagger",
            "recognised tags joined to a text, RAM's kind (extra vision-language)",
        ),
    ),
    "generators": (
        (
            "stable_diffusion",
            "semsim.codecs.vlm_csc.knowledge.config:StableDiffusionConfig",
            "semsim.codecs.vlm_csc.knowledge.generators:StableDiffusion",
            "Stable Diffusion: the generator of VLM-CSC (extra vision-language)",
        ),
    ),
    "samplers": (
        (
            "class_diffusion",
            "semsim.codecs.mmsemcom.sampler_config:ClassDiffusionConfig",
            "semsim.codecs.mmsemcom.sampler:ClassDiffusion",
            "images of a class by diffusion: MMSemCom's generator (extra vision-language)",
        ),
    ),
    "objectives": (
        (
            "vqvae2",
            "semsim.codecs.ftsc.config:VqVae2ObjectiveConfig",
            "semsim.codecs.ftsc.objective:VqVae2Objective",
            "reconstruction and codebook loss of one VQ-VAE-2 (FTSC eq. 3-4)",
        ),
        (
            "latent_denoisers",
            "semsim.codecs.ftsc.tuning.config:DenoisersObjectiveConfig",
            "semsim.codecs.ftsc.tuning.denoisers:DenoisersObjective",
            "a DnCNN a latent level that takes channel noise off (FTSC Fig. 5 b)",
        ),
        (
            "reconstruction",
            "semsim.training.config:ReconstructionConfig",
            "semsim.training.reconstruction:Reconstruction",
            "mean squared error of a codec's images after a channel",
        ),
        (
            "classification",
            "semsim.training.config:ClassificationConfig",
            "semsim.training.classification:Classification",
            "cross-entropy of a codec's classes after a channel",
        ),
        (
            "rkd_features",
            "semsim.codecs.rkd_sc.config:RkdFeaturesConfig",
            "semsim.codecs.rkd_sc.distillation:RkdFeatures",
            "a semantic encoder learns a teacher's features (RKD-SC's stage 1, eq. 25)",
        ),
        (
            "rkd_joint",
            "semsim.codecs.rkd_sc.config:RkdJointConfig",
            "semsim.codecs.rkd_sc.distillation:RkdJoint",
            "semantic and channel codecs of several senders, one receiver (stage 2, eq. 26)",
        ),
        (
            "text_alternation",
            "semsim.codecs.vlm_csc.text_config:TextAlternationConfig",
            "semsim.codecs.vlm_csc.text_objective:TextAlternation",
            "channel coder by mutual information, semantic coder by cross-entropy (VLM-CSC)",
        ),
        (
            "oracle",
            "semsim.codecs.jscc.config:OracleConfig",
            "semsim.codecs.jscc.oracle:OracleObjective",
            "the Oracle Network of ADJSCC-V learns to predict the PSNR (Zhang et al.)",
        ),
        (
            "cotraining",
            "semsim.codecs.trangdeepsc.config:CotrainingConfig",
            "semsim.codecs.trangdeepsc.cotraining:Cotraining",
            "student and teacher side by side, Algorithm 1 of TranGDeepSC",
        ),
        (
            "autoencoding",
            "semsim.codecs.vlm_csc.knowledge.config:AutoencodingConfig",
            "semsim.codecs.vlm_csc.knowledge.autoencoder:Autoencoding",
            "the autoencoder of a small latent diffusion model (VLM-CSC)",
        ),
        (
            "captioning",
            "semsim.codecs.vlm_csc.knowledge.config:CaptioningConfig",
            "semsim.codecs.vlm_csc.knowledge.captioning:Captioning",
            "a captioner learns the captions of its images (VLM-CSC)",
        ),
        (
            "latent_diffusion",
            "semsim.codecs.vlm_csc.knowledge.config:LatentDiffusionConfig",
            "semsim.codecs.vlm_csc.knowledge.diffusion:LatentDiffusion",
            "a U-Net and a text encoder learn to draw captioned latents (VLM-CSC)",
        ),
        (
            "class_denoising",
            "semsim.codecs.mmsemcom.sampler_config:ClassDenoisingConfig",
            "semsim.codecs.mmsemcom.sampler:ClassDenoising",
            "a U-Net learns the noise in images of a class (MMSemCom, eq. 17)",
        ),
        (
            "mmsemcom_features",
            "semsim.codecs.mmsemcom.config:FeaturesObjectiveConfig",
            "semsim.codecs.mmsemcom.learning:MmsemcomFeatures",
            "image features, prompts and their fusion learn to be told apart (MMSemCom)",
        ),
    ),
}
