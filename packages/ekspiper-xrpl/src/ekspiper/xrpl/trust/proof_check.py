"""Checks a proof in any of the formats that are known."""

from __future__ import annotations

from ekspiper.xrpl.codec import Decoder, Encoder

from ._json import read_json
from .errors import Malformed
from .proof import Proof, Trusted
from .xpop import check_xpop
from .xprv import check_xprv

__all__ = ["check_proof"]


def check_proof(
    document: bytes,
    trusted: Trusted,
    *,
    encoder: Encoder | None = None,
    decoder: Decoder | None = None,
) -> Proof:
    """Check an XPRV or XPOP, ours or another's, and return what it proves.

    Args:
        document: the JSON. An Import transaction of Xahau is read as the XPOP in it.
        trusted: publishers' master keys, each with the id of its network where that is known.
        encoder: makes bytes of the leaves of an XPRV; bundled definitions without it.
        decoder: of the shape `"server"`, with the same definitions.

    Raises:
        TrustError: the proof does not hold; says why.
    """
    held = read_json(document)
    if "steps" in held:
        return check_xprv(held, trusted, encoder=encoder, decoder=decoder)
    if "validation" in held or "Blob" in held:
        return check_xpop(held, trusted)
    raise Malformed("the file is neither an XPRV (steps) nor an XPOP (ledger, validation)")
