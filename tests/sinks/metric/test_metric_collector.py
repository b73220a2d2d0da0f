"""Metrics of records: ready sets, rules, labels that explode, bad records, a Pushgateway."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ekspiper.core import (
    BatchError,
    Collector,
    ConfigError,
    MissingExtra,
    Permanent,
    Retryable,
    Secret,
)
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.metric import Metric, MetricRule
from ekspiper.sinks.metric._presets import best_quality, close_lag, currency

USD = {"currency": "USD", "issuer": "rIssuer"}
XRP = {"currency": "XRP", "issuer": ""}


def transaction(
    kind: str = "Payment", result: str = "tesSUCCESS", fee: str = "10"
) -> dict[str, Any]:
    return {
        "TransactionType": kind,
        "Fee": {**XRP, "value": fee},
        "meta": {"TransactionResult": result},
    }


def book(*qualities: str, gets: Any = USD, pays: Any = XRP) -> dict[str, Any]:
    offers = [{"quality": quality} for quality in qualities]
    return {"ledger_index": 7, "taker_gets": gets, "taker_pays": pays, "offers": offers}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


class TestContract(CollectorContract):
    """Each record of the contract is a series of a counter."""

    recoverable = False

    @pytest.fixture(autouse=True)
    def _registry(self, registry: CollectorRegistry) -> None:
        self.registry = registry

    async def make(self, tmp_path: Path) -> Collector[Any]:
        rule = {"name": "seen_total", "kind": "counter", "labels": {"number": "number"}}
        return Metric(rules=[rule], registry=self.registry, max_label_values=1000)

    def record(self, number: int) -> Any:
        return {"number": number}

    def bad_record(self) -> Any:
        return ["no record"]

    async def stored(self) -> Sequence[Any]:
        numbers: list[int] = []
        for family in self.registry.collect():
            for sample in family.samples:
                if sample.name == "seen_total":
                    numbers += [int(sample.labels["number"])] * int(sample.value)
        return [self.record(number) for number in numbers]


async def test_transactions(registry: CollectorRegistry) -> None:
    metric = Metric("transactions", registry=registry)
    await metric.collect(
        [transaction(), transaction(fee="12"), transaction("OfferCreate", "tecKILLED")]
    )
    value = registry.get_sample_value
    payments = {"type": "Payment", "result": "tesSUCCESS"}
    assert value("xrpl_transactions_total", payments) == 2
    killed = {"type": "OfferCreate", "result": "tecKILLED"}
    assert value("xrpl_transactions_total", killed) == 1
    assert value("xrpl_fees_drops_total", {"type": "Payment"}) == 22
    assert value("xrpl_fee_drops_bucket", {"le": "10.0"}) == 2
    assert value("xrpl_fee_drops_sum") == 32


async def test_ledgers(registry: CollectorRegistry) -> None:
    metric = Metric("ledgers", registry=registry)
    closed = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    ledger = {"ledger_index": 9, "close_time_iso": closed, "transaction_count": 30}
    await metric.collect([{**ledger, "ledger_index": 8}, ledger])
    value = registry.get_sample_value
    assert value("xrpl_ledgers_total") == 2
    assert value("xrpl_ledger_index") == 9
    assert value("xrpl_ledger_transactions_sum") == 60
    assert 59 < (value("xrpl_ledger_close_lag_seconds") or 0) < 70


def test_the_lag_is_counted_from_the_close() -> None:
    record = {"close_time_iso": "2026-11-22T12:03:46Z"}
    assert close_lag(record, now=lambda: 1795349036.5) == 10.5
    assert close_lag({}) is None


async def test_books(registry: CollectorRegistry) -> None:
    metric = Metric("book_offers", registry=registry)
    labels = {"taker_gets": "USD.rIssuer", "taker_pays": "XRP"}
    await metric.collect([book("2.5", "0.5", "7")])
    assert registry.get_sample_value("xrpl_book_offers", labels) == 3
    assert registry.get_sample_value("xrpl_book_best_quality", labels) == 0.5
    await metric.collect([book()])
    assert registry.get_sample_value("xrpl_book_offers", labels) == 0
    assert registry.get_sample_value("xrpl_book_best_quality", labels) is None, "a stale price"
    await metric.collect([book("3")])
    assert registry.get_sample_value("xrpl_book_best_quality", labels) == 3
    assert registry.get_sample_value("xrpl_books_total") == 3


def test_currencies_as_labels() -> None:
    assert currency(USD) == "USD.rIssuer"
    assert currency(XRP) == currency({"currency": "XRP"}) == "XRP"
    assert currency({"currency": "", "issuer": "", "mpt_issuance_id": "00AB"}) == "00AB"
    assert best_quality({"offers": []}) is None


async def test_without_words_the_fields_say_what_a_record_is(registry: CollectorRegistry) -> None:
    metric = Metric(registry=registry)
    ledger = {"ledger_index": 9, "close_time_iso": "2026-11-22T12:03:46Z", "transaction_count": 30}
    with pytest.raises(BatchError, match="no preset for a record with the fields odd") as bad:
        await metric.collect([transaction(), book("1"), {"odd": 1}, ledger])
    assert list(bad.value.failures) == [2]
    assert registry.get_sample_value("xrpl_fee_drops_count") == 1
    assert registry.get_sample_value("xrpl_books_total") == 1
    assert registry.get_sample_value("xrpl_ledgers_total") == 1


async def test_rules_from_a_configuration_and_from_code(registry: CollectorRegistry) -> None:
    metric = Metric(
        rules=[
            {
                "name": "memos_total",
                "kind": "counter",
                "help": "Memos",
                "labels": {"first": "Memos.0.Memo.MemoType", "signed": "signed"},
            },
            {"name": "size", "kind": "histogram", "value": "Amount.value", "buckets": [1, 10]},
            MetricRule(name="signers", kind="gauge", value=lambda record: len(record["Signers"])),
        ],
        registry=registry,
    )
    record = {
        "Memos": [{"Memo": {"MemoType": "AB"}}],
        "Amount": {"value": "7.5"},
        "Signers": [1, 2],
        "signed": True,
    }
    await metric.collect([record, {**record, "Memos": []}])
    value = registry.get_sample_value
    assert value("memos_total", {"first": "AB", "signed": "true"}) == 1
    assert value("memos_total", {"first": "", "signed": "true"}) == 1
    assert value("size_bucket", {"le": "10.0"}) == 2
    assert value("signers") == 2


async def test_a_record_without_the_field_is_passed_over_and_counted(
    registry: CollectorRegistry,
) -> None:
    metric = Metric("transactions", registry=registry)
    record = transaction()
    del record["Fee"]
    await metric.collect([record])
    passed_over = {"metric": "xrpl_fees_drops_total"}
    assert registry.get_sample_value("ekspiper_metric_passed_over_total", passed_over) == 1
    assert registry.get_sample_value("xrpl_fee_drops_count") == 0
    payments = {"type": "Payment", "result": "tesSUCCESS"}
    assert registry.get_sample_value("xrpl_transactions_total", payments) == 1


@pytest.mark.parametrize("fee", ["NaN", "-1", "lots", "1e999", None, [], {}, True])
async def test_what_cannot_be_counted_changes_no_metric(
    registry: CollectorRegistry, fee: Any
) -> None:
    metric = Metric("transactions", registry=registry)
    before = generate_latest(registry)
    bad = {**transaction("Odd"), "Fee": {"value": fee}}
    if fee is None:
        bad["TransactionType"] = {"no": "label"}
    with pytest.raises(BatchError) as caught:
        await metric.collect([bad])
    assert isinstance(caught.value.failures[0], Permanent)
    assert "metric xrpl_" in str(caught.value.failures[0])
    assert generate_latest(registry) == before


async def test_label_values_are_bounded(registry: CollectorRegistry) -> None:
    metric = Metric("transactions", registry=registry, max_label_values=5)
    await metric.collect([transaction(f"Type{number}") for number in range(20_000)])
    samples = [
        sample
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "xrpl_transactions_total"
    ]
    assert len(samples) == 6
    other = {"type": "other", "result": "tesSUCCESS"}
    assert registry.get_sample_value("xrpl_transactions_total", other) == 19_995
    overflow = {"metric": "xrpl_transactions_total", "label": "type"}
    assert registry.get_sample_value("ekspiper_metric_label_overflow_total", overflow) == 19_995


async def test_combinations_of_labels_are_bounded(registry: CollectorRegistry) -> None:
    metric = Metric("transactions", registry=registry, max_label_values=20)
    await metric.collect([transaction(f"T{i}", f"r{j}") for i in range(20) for j in range(20)])
    counts = [
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "xrpl_transactions_total"
    ]
    assert len(counts) == 201
    assert sum(counts) == 400


async def test_a_huge_label_becomes_other(registry: CollectorRegistry) -> None:
    metric = Metric("transactions", registry=registry)
    await metric.collect([transaction("x" * 1_000_000)])
    assert len(generate_latest(registry)) < 10_000


async def test_a_gauge_is_never_set_for_other(registry: CollectorRegistry) -> None:
    metric = Metric("book_offers", registry=registry, max_label_values=1)
    await metric.collect([book("1"), book("2", gets={"currency": "EUR", "issuer": "rX"})])
    values = [
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "xrpl_book_best_quality"
    ]
    assert values == [1]
    overflow = {"metric": "xrpl_book_best_quality", "label": "taker_gets"}
    assert registry.get_sample_value("ekspiper_metric_label_overflow_total", overflow) == 1


def books_shown(registry: CollectorRegistry) -> set[str]:
    return {
        sample.labels["taker_gets"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "xrpl_book_offers"
    }


def token(number: int) -> dict[str, str]:
    return {"currency": f"T{number}", "issuer": "rX"}


async def test_of_many_books_those_that_move_are_kept(registry: CollectorRegistry) -> None:
    metric = Metric("book_offers", registry=registry, max_label_values=10)
    await metric.collect([book("1", gets=token(number)) for number in range(10)])
    assert books_shown(registry) == {f"T{number}.rX" for number in range(10)}
    moving = [book("1", gets=token(number)) for number in range(5, 15)]
    for _ in range(20):
        await metric.collect(moving)
    assert books_shown(registry) == {f"T{number}.rX" for number in range(5, 15)}


async def test_a_book_that_moved_most_last_month_does_not_stay_for_that(
    registry: CollectorRegistry,
) -> None:
    metric = Metric("book_offers", registry=registry, max_label_values=1)
    await metric.collect([book("1", gets=token(1))] * 10_000)
    await metric.collect([book("1", gets=token(2))] * 5_000)
    assert books_shown(registry) == {"T2.rX"}


async def test_books_that_move_alike_do_not_replace_each_other(
    registry: CollectorRegistry,
) -> None:
    metric = Metric("book_offers", registry=registry, max_label_values=10)
    books = [book("1", gets=token(number)) for number in range(30)]
    await metric.collect(books)
    first = books_shown(registry)
    for _ in range(100):
        await metric.collect(books)
        assert books_shown(registry) == first


async def test_a_price_that_is_gone_gives_its_place_up(registry: CollectorRegistry) -> None:
    metric = Metric("book_offers", registry=registry, max_label_values=1)
    await metric.collect([book("1", gets=token(1)), book(gets=token(1))])
    await metric.collect([book("2", gets=token(2))])
    price = {"taker_gets": "T2.rX", "taker_pays": "XRP"}
    assert registry.get_sample_value("xrpl_book_best_quality", price) == 2


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            {"name": "x_total", "kind": "counter", "lable": {}},
            "rule 1 .x_total.: unknown key 'lable'; known: label",
        ),
        ({"kind": "counter"}, "rule 1 .without a name.: name is missing"),
        ({"name": "x_total"}, "kind is missing"),
        ({"name": "x", "kind": "counter"}, "a counter's name ends in _total: x_total"),
        (
            {"name": "x_total", "kind": "gauge", "value": "a"},
            "only a counter's name ends in _total",
        ),
        ({"name": "x", "kind": "gauge"}, "a gauge needs a value"),
        ({"name": "1x_total", "kind": "counter"}, "does not begin with a digit"),
        ({"name": "x", "kind": "rate"}, "kind is counter, gauge or histogram, not 'rate'"),
        ({"name": "x", "kind": "gauge", "value": 3}, "value is the path of a field, not 3"),
        (
            {"name": "x", "kind": "gauge", "value": "a", "buckets": [1]},
            "buckets belong to a histogram",
        ),
        ({"name": "x", "kind": "histogram", "value": "a", "buckets": [2, 1]}, "buckets rise"),
        ({"name": "x", "kind": "histogram", "value": "a", "buckets": ["1"]}, "list of numbers"),
        ({"name": "x", "kind": "histogram", "value": "a", "labels": {"le": "a"}}, "'le' cannot be"),
        ({"name": "x_total", "kind": "counter", "labels": {"__a": "a"}}, "'__a' cannot be"),
        (
            {"name": "x_total", "kind": "counter", "labels": {"a": 1}},
            "label a is the path of a field",
        ),
        ("x_total", "rule 1 is str, not a table"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(
    rule: Any, says: str, registry: CollectorRegistry
) -> None:
    with pytest.raises(ConfigError, match=says):
        Metric(rules=[rule], registry=registry)


def test_other_mistakes(registry: CollectorRegistry) -> None:
    with pytest.raises(ConfigError, match="known: transactions, ledgers, book_offers"):
        Metric("books", registry=registry)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="max_label_values must be at least 1"):
        Metric(registry=registry, max_label_values=0)
    with pytest.raises(ConfigError, match="registry is a prometheus_client"):
        Metric(registry="here")
    rule = {"name": "x_total", "kind": "counter"}
    with pytest.raises(ConfigError, match="two metric rules are called 'x_total'"):
        Metric(rules=[rule, rule], registry=registry)
    Metric(rules=[rule], registry=registry)
    with pytest.raises(ConfigError, match="x_total is there already"):
        Metric(rules=[{**rule, "labels": {"a": "a"}}], registry=registry)


async def test_promtool_has_no_complaint(registry: CollectorRegistry) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    metric = Metric(registry=registry)
    ledger = {"ledger_index": 9, "close_time_iso": "2026-11-22T12:03:46Z", "transaction_count": 30}
    await metric.collect([transaction(), ledger, book("1")])
    check = await asyncio.to_thread(
        subprocess.run,
        [promtool, "check", "metrics"],
        input=generate_latest(registry),
        capture_output=True,
    )
    assert check.stdout + check.stderr == b""
    assert check.returncode == 0


def test_without_the_library_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[prometheus\]'"):
        Metric("transactions")


@pytest.fixture
def gateway(free_port: int) -> Iterator[str]:
    binary = shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")
    if binary is None:
        pytest.skip("Pushgateway is not installed: apt-get install prometheus-pushgateway")
    address = f"127.0.0.1:{free_port}"
    with subprocess.Popen(
        [binary, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL
    ) as server:
        _reach(address)
        yield f"http://{address}"
        server.terminate()


def _reach(address: str) -> None:
    host, port = address.split(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return


async def test_it_pushes_when_it_closes(registry: CollectorRegistry, gateway: str) -> None:
    async with Metric(
        "transactions", registry=registry, push_gateway=gateway, job="batch"
    ) as metric:
        await metric.collect([transaction()])
    scrape = await asyncio.to_thread(lambda: urllib.request.urlopen(gateway + "/metrics").read())
    assert b'xrpl_fees_drops_total{instance="",job="batch",type="Payment"} 10' in scrape


async def test_a_gateway_that_is_gone(registry: CollectorRegistry) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        metric = Metric(
            "transactions", registry=registry, push_gateway=f"http://user:hidden@{address}"
        )
        await metric.open()
        await metric.collect([transaction()])
        with pytest.raises(Retryable, match=f"cannot push metrics to http://{address}") as caught:
            await metric.close()
        assert "hidden" not in str(caught.value)


async def test_a_gateway_that_asks_for_a_user(registry: CollectorRegistry) -> None:
    asked = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = Secret(f"http://batch%40x:p%2Fw@127.0.0.1:{port}/prefix")
        async with Metric("transactions", registry=registry, push_gateway=url) as metric:
            await metric.collect([transaction()])
        head = (await asked).decode()
    assert head.startswith("POST /prefix/metrics/job/ekspiper ")
    assert f"Authorization: Basic {b64encode(b'batch@x:p/w').decode()}" in head


@pytest.mark.parametrize("url", ["ftp://h", "http://", "http://h:port", "http://[x"])
def test_a_gateway_that_is_none(registry: CollectorRegistry, url: str) -> None:
    with pytest.raises(ConfigError, match="push_gateway must be a URL such as https://"):
        Metric("transactions", registry=registry, push_gateway=url)
