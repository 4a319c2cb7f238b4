"""All canisters of a sandbox and what goes on between them: bytes in, replies and rejects out.

``world`` holds everything and ``anchor`` remembers it; ``ingress``, ``routing``, ``queries``
and ``tasks`` deliver messages (``traffic``) in ``rounds`` and ``order``; ``controlling`` and
``history`` say who may change what, and who did; ``mocks``, ``outcalls`` and ``network``
stand for the outside; ``tracing`` and ``watching`` observe.
"""
