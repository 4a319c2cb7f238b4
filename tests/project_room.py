"""A project of dfx in a directory, whose builds copy their sources and count their runs."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COUNTER = (Path(__file__).parent / "sandbox/cli/counter.wat").read_text("utf-8")
# The same canister in a module of another hash.
OTHER = COUNTER.replace("about to fail", "going to fail")
WITHOUT_INTERFACE = COUNTER.replace("icp:public candid:", "icp:public other:")
DID = "service : (nat8) -> { inc : () -> (nat8); get : () -> (nat8) query }"


@dataclass(frozen=True, slots=True)
class Project:
    """A project in a directory, whose builds copy their sources and count their runs."""

    place: Path

    def write(self, name: str, text: str) -> None:
        file = self.place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def dfx(self, **canisters: dict[str, Any]) -> None:
        self.write("dfx.json", json.dumps({"canisters": canisters}))

    def custom(self, name: str = "backend", **settings: Any) -> dict[str, Any]:
        """Return the settings of a canister, and write its source."""
        self.write(f"{name}.src", COUNTER)
        copy = f"cp {shlex.quote(f'{name}.src')} out.wat && mv out.wat {shlex.quote(f'{name}.wat')}"
        build = [f"echo building {shlex.quote(name)} >> runs.log", copy]
        found = {"type": "custom", "wasm": f"{name}.wat", "build": build, "init_arg": "(7 : nat8)"}
        return found | settings

    @property
    def runs(self) -> int:
        log = self.place / "runs.log"
        return len(log.read_text().splitlines()) if log.exists() else 0
