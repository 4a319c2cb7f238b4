"""Plans as YAML files: read and checked with lines and keys, described for editors, begun.

``layout`` is the table of keys, made of ``shapes``; ``nodes`` knows lines; ``reading`` makes a
plan of a file, ``writing`` a file of nothing, and the JSON schema.
"""

from sandbox.rehearsal.planfile.nodes import PlanInvalid
from sandbox.rehearsal.planfile.reading import Script, argument_of, read_plan
from sandbox.rehearsal.planfile.writing import schema, written

__all__ = ["PlanInvalid", "Script", "argument_of", "read_plan", "schema", "written"]
