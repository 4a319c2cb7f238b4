"""What cycles are spent on: the fields of ``canister_metrics``."""

from __future__ import annotations

from enum import StrEnum


class Use(StrEnum):
    """One kind of consumption, named as in ``ic.did``, type ``cycles_consumed``."""

    MEMORY = "memory"
    COMPUTE_ALLOCATION = "compute_allocation"
    INGRESS_INDUCTION = "ingress_induction"
    INSTRUCTIONS = "instructions"
    TRANSMISSION = "request_and_response_transmission"
    UNINSTALL = "uninstall"
    CANISTER_CREATION = "canister_creation"
    HTTP_OUTCALLS = "http_outcalls"
    BURNED = "burned_cycles"
