"""Code generation: Python written at run time, one function per type.

The encoder and the decoder write straight-line code for the types they meet, which
is several times faster than walking the types for every value. Compiling only what
is called keeps that cheap where types are many and values few.

Types whose values may nest deeply have each function twice: a plain one, which calls
itself down to a fixed depth, and a generator, which hands its calls to
``trampoline.run`` and so needs no stack.

``source``     the text of a function, and functions compiled when first called
``encoding``   code that appends a Python value to the message
``decoding``   code that reads a wire type as an expected type
``compounds``  its part for vectors, records and variants
``skipping``   code that steps over values nobody asked for
"""
