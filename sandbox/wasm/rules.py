"""The IC's numeric limits on a module, as one value that tests and users may vary."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ModuleRules:
    """Limits on a module; the defaults are mainnet's.

    Source: replica ``rs/config/src/embedders.rs``, ``wasm_utils/validation.rs`` and
    ``wasmtime_embedder.rs``. The code section limit has grown over the years (10 MiB in the
    documentation, 11 in late 2025, 12 since); what mainnet takes today is the default.
    """

    max_code_section_bytes: int = 12 * _MIB
    max_exported_methods: int = 1_000
    max_exported_names_bytes: int = 20_000
    max_tables: int = 1
    max_table_elements: int = 1_000_000
    max_globals: int = 1_000
    max_functions: int = 50_000
    max_wasm64_pages: int = 6 * 1024 * _MIB // 65_536
    max_function_instructions: int = 1_000_000
    max_function_complexity: int = 1_000_000
    max_custom_sections: int = 16
    max_custom_sections_bytes: int = _MIB
