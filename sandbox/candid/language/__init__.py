"""The interface language: types and ``.did`` files, read, checked and printed.

Only checked types leave this package: names exist, recursion is productive, fields and
methods are unique. Only ``files`` reads the disk.

``grammar``      the public functions: types and interfaces from text
``program``      one ``.did`` text as it is written
``type_parser``  type expressions
``scope``        whether the names make sense
``imports``      several ``.did`` texts as one interface
``files``        interfaces from files
``pretty``       types and interfaces as text
"""
