from __future__ import annotations

from typing import Any

import pytest

from ekspiper.xrpl.client.answer import Verdict, is_clio, judge, warns_of_load

GOOD: dict[str, Any] = {"status": "success", "result": {"validated": True}}


def error(code: str) -> dict[str, Any]:
    return {"status": "error", "error": code}


@pytest.mark.parametrize(
    ("response", "verdict"),
    [
        (GOOD, Verdict.GOOD),
        ({"status": "success", "result": {"validated": False}}, Verdict.LACKING),
        ({"status": "success"}, Verdict.UNREADY),
        ({"status": "success", "result": {"error": "lgrNotFound"}}, Verdict.LACKING),
        (error("lgrNotFound"), Verdict.LACKING),
        (error("slowDown"), Verdict.OVERLOADED),
        (error("tooBusy"), Verdict.OVERLOADED),
        (error("noNetwork"), Verdict.UNREADY),
        (error("badMarket"), Verdict.REFUSED),
        (error("lgrIdxMalformed"), Verdict.REFUSED),
        (error("malformedRequest"), Verdict.REFUSED),
        (error("forbidden"), Verdict.UNWILLING),
        (error("unknownCmd"), Verdict.UNWILLING),
        ({"status": "error"}, Verdict.UNWILLING),
        ({}, Verdict.UNWILLING),
        ({"status": "error", "error": ["slowDown"]}, Verdict.UNWILLING),
    ],
)
def test_judge(response: dict[str, Any], verdict: Verdict) -> None:
    assert judge(response, ledger_index=5) is verdict


def test_what_is_not_validated_is_fine_where_no_ledger_is_needed() -> None:
    response = {"status": "success", "result": {"validated": False}}
    assert judge(response) is Verdict.GOOD


def test_warnings() -> None:
    clio = [{"id": 2001, "message": "This is a clio server."}]
    assert is_clio({"warnings": clio})
    assert not is_clio(GOOD)
    assert not is_clio({"warnings": "2001"})
    assert warns_of_load({"warning": "load"})
    assert warns_of_load({"warnings": [{"id": 2003}]})
    assert not warns_of_load({"warnings": clio})
