"""Which fields inner objects have, and which objects arrays hold.

The definitions give formats of transactions and ledger entries only, so this is written down here,
after rippled's `InnerObjectFormats.cpp`. What is missing here is not lost: such an object may
hold any field that the definitions know, each of its own type.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ARRAY_ELEMENTS", "INNER_FORMATS", "NODE_OBJECTS"]

_REQUIRED, _OPTIONAL = 0, 1


def _format(required: str, optional: str = "") -> Mapping[str, int]:
    return {
        **dict.fromkeys(required.split(), _REQUIRED),
        **dict.fromkeys(optional.split(), _OPTIONAL),
    }


_SIGNATURE = _format("", "SigningPubKey TxnSignature Signers")

INNER_FORMATS: Mapping[str, Mapping[str, int]] = {
    "AuctionSlot": _format("Account Expiration Price", "DiscountedFee AuthAccounts"),
    "AuthAccount": _format("Account"),
    "BatchSigner": _format("Account", "SigningPubKey TxnSignature Signers"),
    "Book": _format("BookDirectory BookNode"),
    # Either one signature or several signers, so nothing of it is required.
    "CounterpartySignature": _SIGNATURE,
    "Credential": _format("Issuer CredentialType"),
    "DisabledValidator": _format("PublicKey FirstLedgerSequence"),
    "Majority": _format("Amendment CloseTime"),
    "Memo": _format("", "MemoType MemoData MemoFormat"),
    "NFToken": _format("NFTokenID", "URI"),
    "Permission": _format("PermissionValue"),
    "PriceData": _format("BaseAsset QuoteAsset", "AssetPrice Scale"),
    "Signer": _format("Account SigningPubKey TxnSignature"),
    "SignerEntry": _format("Account SignerWeight", "WalletLocator"),
    "SponsorSignature": _SIGNATURE,
    "VoteEntry": _format("Account VoteWeight", "TradingFee"),
    "XChainClaimAttestationCollectionElement": _format(
        "AttestationSignerAccount PublicKey Signature Amount Account AttestationRewardAccount"
        " WasLockingChainSend XChainClaimID",
        "Destination",
    ),
    "XChainClaimProofSig": _format(
        "AttestationSignerAccount PublicKey Amount AttestationRewardAccount WasLockingChainSend",
        "Destination",
    ),
    "XChainCreateAccountAttestationCollectionElement": _format(
        "AttestationSignerAccount PublicKey Signature Amount Account AttestationRewardAccount"
        " WasLockingChainSend XChainAccountCreateCount Destination SignatureReward"
    ),
    "XChainCreateAccountProofSig": _format(
        "AttestationSignerAccount PublicKey Amount SignatureReward AttestationRewardAccount"
        " WasLockingChainSend Destination"
    ),
}
"""The format of each inner object: 0 required, 1 optional, as in the definitions."""

ARRAY_ELEMENTS: Mapping[str, tuple[str, ...]] = {
    "AcceptedCredentials": ("Credential",),
    "AdditionalBooks": ("Book",),
    "AffectedNodes": ("CreatedNode", "ModifiedNode", "DeletedNode"),
    "AuthAccounts": ("AuthAccount",),
    "AuthorizeCredentials": ("Credential",),
    "BatchSigners": ("BatchSigner",),
    "DisabledValidators": ("DisabledValidator",),
    "Majorities": ("Majority",),
    "Memos": ("Memo",),
    "NFTokens": ("NFToken",),
    "Permissions": ("Permission",),
    "PriceDataSeries": ("PriceData",),
    "RawTransactions": ("RawTransaction",),
    "SignerEntries": ("SignerEntry",),
    "Signers": ("Signer",),
    "UnauthorizeCredentials": ("Credential",),
    "VoteSlots": ("VoteEntry",),
    "XChainClaimAttestations": ("XChainClaimProofSig",),
    "XChainCreateAccountAttestations": ("XChainCreateAccountProofSig",),
}
"""The objects that each array holds; an element is `{name: {...}}` with one of these names."""

NODE_OBJECTS: Mapping[str, tuple[str, ...]] = {
    "CreatedNode": ("NewFields",),
    "ModifiedNode": ("FinalFields", "PreviousFields"),
    "DeletedNode": ("FinalFields", "PreviousFields"),
}
"""Which parts of a ledger entry each kind of affected node shows."""
