"""What rippled says of a transaction's result, in words (its TER.cpp)."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MESSAGES", "message_of"]

MESSAGES: Mapping[str, str] = {
    "tesSUCCESS": "The transaction was applied. Only final in a validated ledger.",
    "tecCLAIM": "Fee claimed. Sequence used. No action.",
    "tecPATH_PARTIAL": "Path could not send full amount.",
    "tecUNFUNDED_ADD": "Insufficient XRP balance for WalletAdd.",
    "tecUNFUNDED_OFFER": "Insufficient balance to fund created offer.",
    "tecUNFUNDED_PAYMENT": "Insufficient XRP balance to send.",
    "tecFAILED_PROCESSING": "Failed to correctly process transaction.",
    "tecDIR_FULL": "Can not add entry to full directory.",
    "tecINSUF_RESERVE_LINE": "Insufficient reserve to add trust line.",
    "tecINSUF_RESERVE_OFFER": "Insufficient reserve to create offer.",
    "tecNO_DST": "Destination does not exist. Send XRP to create it.",
    "tecNO_DST_INSUF_XRP": "Destination does not exist. Too little XRP sent to create it.",
    "tecNO_LINE_INSUF_RESERVE": "No such line. Too little reserve to create it.",
    "tecNO_LINE_REDUNDANT": "Can't set non-existent line to default.",
    "tecPATH_DRY": "Path could not send partial amount.",
    "tecUNFUNDED": "Not enough XRP to satisfy the reserve requirement.",
    "tecNO_ALTERNATIVE_KEY": "The operation would remove the ability to sign transactions with the account.",
    "tecNO_REGULAR_KEY": "Regular key is not set.",
    "tecOWNERS": "Non-zero owner count.",
    "tecNO_ISSUER": "Issuer account does not exist.",
    "tecNO_AUTH": "Not authorized to hold asset.",
    "tecNO_LINE": "No such line.",
    "tecINSUFF_FEE": "Insufficient balance to pay fee.",
    "tecFROZEN": "Asset is frozen.",
    "tecNO_TARGET": "Target account does not exist.",
    "tecNO_PERMISSION": "No permission to perform requested operation.",
    "tecNO_ENTRY": "No matching entry found.",
    "tecINSUFFICIENT_RESERVE": "Insufficient reserve to complete requested operation.",
    "tecNEED_MASTER_KEY": "The operation requires the use of the Master Key.",
    "tecDST_TAG_NEEDED": "A destination tag is required.",
    "tecINTERNAL": "An internal error has occurred during processing.",
    "tecOVERSIZE": "Object exceeded serialization limits.",
    "tecCRYPTOCONDITION_ERROR": "Malformed, invalid, or mismatched conditional or fulfillment.",
    "tecINVARIANT_FAILED": "One or more invariants for the transaction were not satisfied.",
    "tecEXPIRED": "Expiration time is passed.",
    "tecDUPLICATE": "Ledger object already exists.",
    "tecKILLED": "No funds transferred and no offer created.",
    "tecHAS_OBLIGATIONS": "The account cannot be deleted since it has obligations.",
    "tecTOO_SOON": "It is too early to attempt the requested operation. Please wait.",
    "tecMAX_SEQUENCE_REACHED": "The maximum sequence number was reached.",
    "tecNO_SUITABLE_NFTOKEN_PAGE": "A suitable NFToken page could not be located.",
    "tecNFTOKEN_BUY_SELL_MISMATCH": "The 'Buy' and 'Sell' NFToken offers are mismatched.",
    "tecNFTOKEN_OFFER_TYPE_MISMATCH": "The type of NFToken offer is incorrect.",
    "tecCANT_ACCEPT_OWN_NFTOKEN_OFFER": "An NFToken offer cannot be claimed by its owner.",
    "tecINSUFFICIENT_FUNDS": "Not enough funds available to complete requested transaction.",
    "tecOBJECT_NOT_FOUND": "A requested object could not be located.",
    "tecINSUFFICIENT_PAYMENT": "The payment is not sufficient.",
    "tecUNFUNDED_AMM": "Insufficient balance to fund AMM.",
    "tecAMM_BALANCE": "AMM has invalid balance.",
    "tecAMM_FAILED": "AMM transaction failed.",
    "tecAMM_INVALID_TOKENS": "AMM invalid LP tokens.",
    "tecAMM_EMPTY": "AMM is in empty state.",
    "tecAMM_NOT_EMPTY": "AMM is not in empty state.",
    "tecAMM_ACCOUNT": "This operation is not allowed on an AMM Account.",
    "tecINCOMPLETE": "Some work was completed, but more submissions required to finish.",
}


def message_of(result: str) -> str:
    """The sentence for a result, empty for one that is not in the table."""
    return MESSAGES.get(result, "")
