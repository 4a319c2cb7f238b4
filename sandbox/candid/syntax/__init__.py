"""Lexical syntax and layout: what types and values have in common when they are text.

Everything above (``language``, ``text``) reads through ``cursor`` and prints through
``layout``, so that all errors look alike and all output breaks its lines alike.

``lexer``     a text as tokens
``cursor``    a reading position in them: look, take, or say what was expected
``labels``    field labels and their numbering
``spelling``  how names, numbers, texts and blobs are written
``layout``    line breaking
"""
