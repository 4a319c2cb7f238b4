"""The textual format of values: what dfx and didc take and print.

Reading has two steps, because a value means what the expected type says: ``parser`` makes
a tree without types, ``typer`` or ``inference`` gives it one. What is printed reads back
as the same values.

``values``         the public functions, both ways
``message``        binary messages printed at their own types
``parser``         from tokens to the tree; ``literals`` its leaves
``typer``          the tree at expected types; ``literal_typer`` its leaves
``inference``      the type of a value when none is given
``printer``        values as documents for ``layout``; ``leaf_printer`` their leaves
"""
