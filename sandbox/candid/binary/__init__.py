"""The binary format: values to bytes and back.

Bytes come from strangers: whatever they are, decoding ends in time proportional to their
number with values or with ``CandidDecodeError``. Nothing here needs the language side.

``encoder``, ``decoder``  one list of types each; they keep the code generated for it
``codegen``               that code: Python functions written at run time
``typetable``             the head of a message
``leb128``                numbers
``convert``               other Python values in the form the generated code takes
``explain``               why a value could not be encoded
``readers``               what generated decoders call for the rarer shapes
``limits``                how much work a message may ask for
"""
