"""Configuration of the link (neither torch nor sionna here)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from semsim.config import Strict

#: How a scenario's SNR becomes noise. All but the first reproduce public codes whose nominal SNR
#: is not Es/N0; results then say so.
SnrConvention = Literal[
    "es_n0", "half_noise_power", "unnormalised_power", "batch_power", "variance_as_std"
]
PowerConstraint = Literal["unit", "none"]


class ModemConfig(Strict):
    """Modulation and coding of bits: one fixed choice, or an MCS of TS 38.214."""

    modulation: Literal["qpsk", "16qam", "64qam", "256qam"] = "qpsk"
    """Gray-coded constellation, where `mcs` is not given."""
    coding: Literal["ldpc", "none"] = "ldpc"
    """``ldpc``: 5G LDPC with CRC (3GPP TS 38.212); ``none``: the bits travel bare."""
    code_rate: float = Field(0.5, ge=0.03, le=0.92)
    """Information bits over coded bits, where `mcs` is not given; not used without coding."""
    mcs: Literal["adaptive"] | Annotated[int, Field(ge=0, le=28)] | None = None
    """An index of the MCS table, or ``adaptive``: the fastest that keeps `target_bler`."""
    mcs_table: Literal[1, 2, 3] = 2
    """Table of TS 38.214, section 5.1.3.1: 1 up to 64-QAM, 2 up to 256-QAM, 3 for low rates."""
    target_bler: float = Field(0.1, gt=0, lt=1)
    """Most block errors (of an image's whole payload) that ``adaptive`` accepts; 3GPP uses 10 %
    and, for low latency, less."""
    retransmissions: int = Field(0, ge=0, le=3)
    """How often a payload whose CRC fails is sent again (HARQ with incremental redundancy)."""
    iterations: int = Field(20, ge=1)
    """Most belief-propagation iterations of the decoder; blocks that check leave it earlier."""
    fidelity: Literal["link", "abstracted"] = "link"
    """``link``: every bit is coded, sent and decoded; ``abstracted``: blocks fail at random by
    curves measured once, some hundred times faster. It needs `mcs`."""

    @model_serializer(mode="wrap")
    def _as_given(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What `mcs` sets is not written beside it, so that what is written can be read."""
        fields: dict[str, Any] = plain(self)
        if self.mcs is not None:
            del fields["modulation"], fields["code_rate"]
        return fields

    @model_validator(mode="after")
    def _one_way(self) -> ModemConfig:
        given = {"modulation", "code_rate"} & self.model_fields_set
        if self.mcs is not None and given:
            raise ValueError(f"'mcs' sets {' and '.join(sorted(given))} already; leave one out")
        if self.mcs == 28 and self.mcs_table == 2:
            raise ValueError("MCS table 2 ends at 27")
        if self.coding == "none" and (self.mcs is not None or self.retransmissions):
            raise ValueError("'mcs' and 'retransmissions' need coding: ldpc")
        if self.fidelity == "abstracted" and self.mcs is None:
            raise ValueError("fidelity 'abstracted' needs 'mcs': its curves are those of the table")
        if self.fidelity == "abstracted" and self.iterations != 20:
            raise ValueError("the curves of fidelity 'abstracted' hold for 20 iterations")
        return self
