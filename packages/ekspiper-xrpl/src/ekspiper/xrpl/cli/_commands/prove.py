"""`ekspiper prove`: portable proofs of transactions and objects, written and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ekspiper.core import ConfigError
from ekspiper.xrpl.attestation import Evidence, FolderProofs
from ekspiper.xrpl.trust import Proof, TrustError, check_proof
from ekspiper.xrpl.trustees import offline_trustees, read_trustees

from .._interruption import run_interruptible
from .._logs import fail, tell
from .._options import ConnectTimeout, Json, KnownTo, TrustKeys, known_definitions, path
from .._streams import say, say_json

__all__ = ["prove"]

# Bytes of a proof. A real one has some hundred kilobytes; a stranger's must not fill the memory.
_LARGEST = 16 * 1024 * 1024


def prove(
    id: Annotated[
        str | None,
        typer.Argument(
            metavar="TX|INDEX", help="The hash of a transaction, or the index of an object."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--in", metavar="DIR", parser=path, help="A folder with records and proofs."),
    ] = None,
    network: KnownTo = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", parser=path, help="[default: standard output]"),
    ] = None,
    format: Annotated[str, typer.Option(metavar="xprv|xpop", help="Format of the proof.")] = "xprv",
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", parser=path, help="Check a proof instead."),
    ] = None,
    trust: TrustKeys = None,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Write a proof that others can check, or check one.

    With --in the proof is made of a folder's records and of its archive, proofs.jsonl, without a
    node. Without it, the nodes of --network give the transaction and the signatures.

    --check reads XPRV and XPOP, ours and those of others, and an Import of Xahau. A proof is judged
    by the list that held when its ledger closed. Exit code 1 when it does not hold.

    Examples:
      ekspiper prove $TX --in out/sample --out payment.xprv.json
      ekspiper prove --check payment.xprv.json
      ekspiper prove --check theirs.json --trust $KEY
    """
    if check is not None:
        if id is not None:
            raise typer.BadParameter("give a transaction to prove, or --check FILE, not both")
        raise typer.Exit(_check(check, trust, as_json=as_json))
    key = _key(id)
    if format not in ("xprv", "xpop"):
        raise typer.BadParameter(f"--format is xprv or xpop, not {format!r}")
    if folder is not None:
        document = _from_folder(key, folder, network, connect_timeout, format, trust)
    elif network is not None:
        document = run_interruptible(_from_node(key, network, connect_timeout, format, trust))
    else:
        raise typer.BadParameter("say where from: --in DIR, a folder with records, or --network N")
    if out is None:
        say(document + b"\n")
        return
    out.write_bytes(document)
    tell(f"{out}: {_sentence(document, trust)}")


def _key(text: str | None) -> bytes:
    try:
        key = bytes.fromhex(text or "")
    except ValueError:
        key = b""
    if len(key) != 32:
        raise typer.BadParameter(
            "give the hash of a transaction or the index of an object, 64 hex digits"
        )
    return key


def _check(file: Path, trust: list[str] | None, *, as_json: bool) -> int:
    try:
        with file.open("rb") as opened:
            # What is cut off is not a whole document, and does not hold.
            document = opened.read(_LARGEST)
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from None
    try:
        proof = check_proof(document, offline_trustees(trust or ()).keys())
    except TrustError as error:
        if as_json:
            say_json({"file": str(file), "holds": False, "reason": str(error)})
        else:
            fail(f"{file} does not hold: {error}")
        return 1
    if as_json:
        say_json({"file": str(file), "holds": True, **_as_json(proof)})
    else:
        say(str(proof))
    return 0


def _as_json(proof: Proof) -> dict[str, object]:
    verdict = proof.verdict
    return {
        "format": proof.format,
        "proves": [str(each) for each in proof.leaves],
        "signed_ledger": verdict.ledger_index,
        "signers": len(verdict.signers),
        "validators": verdict.trusted,
        "list": verdict.source,
    }


# Read back as a stranger would read it: what we say of the proof is what it says by itself.
def _sentence(document: bytes, trust: list[str] | None) -> str:
    return str(check_proof(document, offline_trustees(trust or ()).keys()))


def _from_folder(
    key: bytes,
    folder: Path,
    network: str | None,
    connect_timeout: float | None,
    format: str,
    trust: list[str] | None,
) -> bytes:
    trustees = offline_trustees(trust or ())
    evidence = Evidence.of_folder(folder, trustees)
    proofs = FolderProofs(
        folder, evidence, trustees, definitions=known_definitions(network, connect_timeout)
    )
    return proofs.prove(key, format=format)


async def _from_node(
    key: bytes,
    network: str,
    connect_timeout: float | None,
    format: str,
    trust: list[str] | None,
) -> bytes:
    # Here alone nodes are asked; a proof from a folder begins sooner without them.
    from ekspiper.xrpl.attestation import NodeProofs, clock_of, open_notary
    from ekspiper.xrpl.open_network import open_network
    from ekspiper.xrpl.trustees import TrustChoice, trustees_of

    choice = TrustChoice("signed", read_trustees(trust or ()))
    async with (
        open_network(network, follow=True, connect_timeout=connect_timeout) as opened,
        open_notary(opened.pool, trustees_of(choice, opened), clock=clock_of(opened)) as notary,
    ):
        return await NodeProofs(opened.pool, notary).transaction(key, format=format)
