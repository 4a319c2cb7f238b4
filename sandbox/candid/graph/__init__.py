"""Types as graphs: the form in which the package compares, measures and describes them.

Names are gone and recursion is a cycle, so that no algorithm recurses or loops, whatever
types a message brings. Knows types only, no bytes and no text.

``nodes``     the table of numbered nodes, and how types become one
``shape``     what is known of a type's values before one is seen
``describe``  a type in a few words, for error messages
"""
