"""Real canisters for the tests: their sources, and the builder that compiles them."""
