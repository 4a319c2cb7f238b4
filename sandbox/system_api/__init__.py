"""The IC system API as a WebAssembly module of its own.

``table`` says what exists, with which type and in which contexts; ``ic0/*.wat`` is
the code; ``assemble`` turns both into one module per heap width; ``mailbox`` is the
memory through which host and module talk before and after a message.
"""
