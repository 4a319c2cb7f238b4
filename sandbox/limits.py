"""Every limit in one place, as a named and versioned profile.

The numbers are those of a 13-node application subnet. ``Limits.relaxed`` changes single
ones; the profile keeps its name, and ``str(limits)`` says what differs from the published
numbers of that name and version. Those never change: new numbers get a new version, and the
old one stays in ``PROFILES``, because snapshots and worlds name it.
Source: reference/limits_and_costs.md sections 1 and 2.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

GIB: Final = 1 << 30
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a canister may use; instructions, bytes and counts.

    Instructions are those the IC charges (docs/decisions/0004).
    """

    name: str = "mainnet"
    version: str = "2026-08"
    update_instructions: int = 40_000_000_000
    query_instructions: int = 5_000_000_000
    install_instructions: int = 300_000_000_000
    inspect_instructions: int = 200_000_000
    # What an installation is charged for each Wasm instruction of the module, out of its limit.
    compile_instructions: int = 6_000
    # Of a composite query with all it calls. The IC also gives it 10 s; no clock runs here.
    query_graph_instructions: int = 5_000_000_000
    query_call_instructions: int = 50_000_000  # charged for each call, whatever it does
    query_depth: int = 6
    stable_memory_bytes: int = 500 * GIB
    update_stable_write_bytes: int = 2 * GIB
    install_stable_write_bytes: int = 8 * GIB
    query_stable_write_bytes: int = 1 * GIB
    module_bytes: int = 100 * MIB
    ingress_payload_bytes: int = 2 * MIB
    call_payload_bytes: int = 10 * MIB
    reply_bytes: int = 2 * MIB
    query_reply_bytes: int = 3 * MIB
    # Rate limits: what each round takes off a canister's debits; 0: not limited. Production has
    # them (profile ``strict``). Here they would hinder: no round passes while the clock stands.
    install_instructions_per_round: int = 0
    heap_delta_bytes_per_round: int = 0
    calls_per_message: int = 500  # the length of the queue from one canister to another
    # All canisters together: beyond the threshold, growing memory reserves cycles.
    subnet_memory_bytes: int = 2048 * GIB
    reservation_threshold_bytes: int = 750 * GIB
    messages_per_settle: int = 100_000  # not an IC limit: canisters that call each other for ever
    controllers: int = 10
    allowed_viewers: int = 10
    environment_variables: int = 20
    environment_name_bytes: int = 128
    environment_value_bytes: int = 128
    snapshots_per_canister: int = 10
    chunk_store_chunks: int = 100
    chunk_bytes: int = 1 * MIB
    log_bytes: int = 1 * MIB  # the IC's default is 4 KiB; a developer wants to see more
    # Memory the whole sandbox may really hold. Not an IC limit: it keeps a canister that
    # fills its 500 GiB from taking the process down. None: three quarters of the machine.
    host_memory_bytes: int | None = None

    @property
    def id(self) -> str:
        """Name and version: what ``profile`` finds."""
        return f"{self.name}-{self.version}"

    @property
    def relaxations(self) -> dict[str, int | None]:
        """The limits that are not the published ones of this name and version, with our values.

        A profile that was never published is compared with the mainnet's.
        """
        published = PROFILES.get(self.id, MAINNET)
        return {name: ours for name, (ours, _) in self.differences(published).items()}

    def __str__(self) -> str:
        """Name, version and what was relaxed: enough to make the same profile again."""
        listed = ", ".join(
            f"{name}={value if value is None else format(value, ',')}"
            for name, value in self.relaxations.items()
        )
        return f"{self.name} {self.version}{' with ' if listed else ''}{listed}"

    def summary(self) -> dict[str, str | dict[str, int | None]]:
        """Return what ``str`` says, for machines."""
        return {"name": self.name, "version": self.version, "relaxed": self.relaxations}

    def relaxed(self, **changes: int) -> Limits:
        """Return the profile with single limits changed.

        Raises: UsageError for a limit that does not exist, or a value that is no count.
        """
        for name, value in changes.items():
            if name not in _NAMES:
                raise UsageError(
                    f"there is no limit {name!r}; there are {', '.join(sorted(_NAMES))}"
                )
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise UsageError(f"the limit {name} must be a count, not {value!r}")
        return replace(self, **changes)  # type: ignore[arg-type]  # the names were checked

    def differences(self, other: Limits) -> dict[str, tuple[int | None, int | None]]:
        """Return the limits that another profile sets differently: (ours, its)."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in _NAMES}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def as_dict(self) -> dict[str, str | int | None]:
        """Return the profile with all its numbers, as a world keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, str | int | None]) -> Limits:
        """Read what ``as_dict`` wrote, also of an older version with fewer limits.

        Raises: UsageError for a limit this version does not know.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise UsageError(f"there is no limit {', '.join(sorted(unknown))}")
        return cls(**values)  # type: ignore[arg-type]  # the names were checked


# In the order above; a name and a version are no limits.
_NAMES: Final = tuple(
    field.name for field in fields(Limits) if field.name not in ("name", "version")
)
# An application subnet of the mainnet, as the name says when.
MAINNET: Final = Limits()
# The instruction limits of a system subnet; the rest is the same.
SYSTEM: Final = replace(
    MAINNET,
    name="system",
    update_instructions=50_000_000_000,
    query_instructions=50_000_000_000,
    install_instructions=1_000_000_000_000,
)
# All of the mainnet, also what is in the way of unit tests: rate limits, a short log.
STRICT: Final = replace(
    MAINNET,
    name="strict",
    install_instructions_per_round=2_000_000_000,
    heap_delta_bytes_per_round=75 * MIB,
    log_bytes=4 << 10,
)
# What a developer wants out of the way: instructions and sizes, not the queues.
GENEROUS: Final = replace(
    MAINNET,
    name="generous",
    update_instructions=1_000_000_000_000,
    query_instructions=1_000_000_000_000,
    install_instructions=1_000_000_000_000,
    inspect_instructions=1_000_000_000_000,
    query_graph_instructions=1_000_000_000_000,
    update_stable_write_bytes=500 * GIB,
    install_stable_write_bytes=500 * GIB,
    query_stable_write_bytes=500 * GIB,
    ingress_payload_bytes=10 * MIB,
    snapshots_per_canister=1_000,
    chunk_store_chunks=10_000,
)
_NEWEST: Final = (MAINNET, STRICT, SYSTEM, GENEROUS)
PROFILES: Final[Mapping[str, Limits]] = MappingProxyType(
    {
        **{profile.name: profile for profile in _NEWEST},
        **{profile.id: profile for profile in _NEWEST},
    }
)


def profile(name: str) -> Limits:
    """Return a profile by its name, with or without the version.

    Raises: UsageError, naming those there are.
    """
    found = PROFILES.get(name)
    if found is None:
        raise UsageError(f"there is no profile {name!r}; there are {', '.join(PROFILES)}")
    return found
