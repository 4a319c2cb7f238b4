"""Stubs: Python types generated from an interface, for editors and mypy.

What is generated says the shapes of ``sandbox.candid.values`` and passes ``mypy --strict``.

``module``       the public function: an interface as the text of a Python module
``expressions``  Candid types as Python type expressions
``methods``      the service as a ``Protocol``
``names``        Python names for Candid names
"""
