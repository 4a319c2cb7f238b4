"""Candid: types, values and the binary form, usable without the rest of the sandbox."""
