"""One canister: what it is made of, and how it runs a message, an upgrade, a rollback.

``canister`` runs one message as one transaction, ``lifecycle`` installs and upgrades;
``embodiment`` keeps state, memories and the live instance together, ``capture`` remembers
them; ``exchange`` is the host's side of the mailbox, ``modules`` loads and compiles.
"""
