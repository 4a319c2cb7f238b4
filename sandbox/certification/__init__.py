"""Certificates: what a canister certifies, proven from the root key down.

``verified`` checks a certificate as clients of the IC do, the sandbox's own or one from
mainnet, and ``Certificate.lookup`` reads it. Canisters build hash trees, too: ``decoded`` reads
a witness, ``root_hash`` of it is what the canister must have certified.

Sources: IC interface specification, "Certification"; reference/pocketic_rest.md section 6.
"""

from sandbox.certification.certificate import Certificate, CertificateInvalid, issued, verified
from sandbox.certification.hash_tree import (
    HashTree,
    TreeMalformed,
    Unproven,
    decoded,
    encoded,
    lookup,
    root_hash,
    tree_of,
)

__all__ = [
    "Certificate",
    "CertificateInvalid",
    "HashTree",
    "TreeMalformed",
    "Unproven",
    "decoded",
    "encoded",
    "issued",
    "lookup",
    "root_hash",
    "tree_of",
    "verified",
]
