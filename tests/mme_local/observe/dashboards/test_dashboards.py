"""The constructs' own dashboard and alarms, on metrics as the runtime publishes them."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mme_local.observe.dashboards.cloud import read_facts
from mme_local.observe.dashboards.document import render_dashboard
from mme_local.observe.page.document import render_main
from tests.mme_local.observe.browser import chromium, new_page
from tests.mme_local.observe.dashboards.monitored import ENDPOINT, REGION, client, serve_minutes
from tests.mme_local.observe.page.a_runtime import FakeRuntime

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_monitored")]

PATH = f"/_mme/dashboards/{REGION}/{ENDPOINT}/"


def this_minute() -> int:
    return int(time.time()) // 60 * 60


def words(main: str | None) -> str:
    assert main is not None
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_every_widget_shows_what_was_published() -> None:
    now = this_minute()
    serve_minutes(now, 20)
    main = render_dashboard(REGION, ENDPOINT, "1h", now)
    shown = words(main)
    for title in (
        "Requests",
        "Errors",
        "Latency",
        "Wait for a load",
        "Cache hits",
        "CPU",
        "Busiest models",
    ):
        assert title in shown
    assert "can't be read" not in shown
    assert "is not deployed here" not in shown
    sums = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="Invocations",
        Dimensions=[
            {"Name": "EndpointName", "Value": ENDPOINT},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
        StartTime=now - 60,
        EndTime=now,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert f"All {sums[0]['Sum']:.0f} Per instance {sums[0]['Sum'] / 2:g}" in shown
    assert re.search(r"Container p50 0\.0\d+", shown)
    assert re.search(r"CPU \d+(\.\d+)? ", shown)
    assert (main or "").count('class="line"') >= 12


def test_tables_of_the_log() -> None:
    logs = client("logs")
    group = f"/aws/sagemaker/Endpoints/{ENDPOINT}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="AllTraffic/i-0")
    now = int(time.time())
    lines = [
        "I1121 1 sagemaker_server.cc:1] Invoking SageMaker TargetModel: busy.tar.gz",
        "I1121 1 sagemaker_server.cc:1] Invoking SageMaker TargetModel: busy.tar.gz",
        "E1121 1 lifecycle.cc:1] failed to load 'bad<b>.tar.gz' version 1: no file",
    ]
    logs.put_log_events(
        logGroupName=group,
        logStreamName="AllTraffic/i-0",
        logEvents=[{"timestamp": now * 1000 - 5000, "message": line} for line in lines],
    )
    main = render_dashboard(REGION, ENDPOINT, "1h", now) or ""
    assert re.search(r"busy\.tar\.gz</td><td>2</td><td><time>\d\d:\d\d:\d\d", main)
    assert "<td>bad&lt;b&gt;.tar.gz</td><td>1</td><td>no file</td>" in main


def test_alarms_and_dashboards_stand_on_the_status_page() -> None:
    now = this_minute()
    serve_minutes(now, 5)
    facts = read_facts()
    assert facts.dashboards == [(REGION, ENDPOINT)]
    assert {alarm.state for alarm in facts.alarms} == {"OK"}
    serve_minutes(now + 600, 4, failing=0.5)
    runtime = FakeRuntime(cloud=read_facts())
    main = render_main(runtime.status(), runtime.history, {}, runtime.cloud, now + 600.0)
    assert f'href="dashboards/{REGION}/{ENDPOINT}/"' in main
    shown = words(main)
    assert "mme-dev-server-errors-critical In alarm" in shown
    assert "any-critical In alarm" in shown
    assert shown.index("In alarm") < shown.index("mme-dev-latency-critical")


def test_critical_alarms_page_and_are_over() -> None:
    sqs, sns = client("sqs"), client("sns")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    (topic,) = sns.list_topics()["Topics"]
    sns.subscribe(
        TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:inbox"
    )

    def told() -> set[str]:
        subjects = set()
        while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                subjects.add(json.loads(one["Body"])["Subject"].split(" in ")[0])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return subjects

    now = this_minute()
    serve_minutes(now, 5)
    told()  # each alarm's first OK
    serve_minutes(now + 300, 5, failing=0.5)
    assert told() == {'ALARM: "mme-dev-server-errors-critical"', 'ALARM: "mme-dev-model-errors-critical"'}
    serve_minutes(now + 900, 10)
    assert told() == {'OK: "mme-dev-server-errors-critical"', 'OK: "mme-dev-model-errors-critical"'}


def test_widgets_of_every_kind_and_those_that_cannot_be_drawn() -> None:
    alarm = f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:mme-dev-latency-warning"
    kinds = [
        ("metric", {"title": "Watched", "annotations": {"alarms": [alarm]}}),
        ("metric", {"title": "Gone", "annotations": {"alarms": [f"{alarm}-gone"]}}),
        ("metric", {"title": "Number", "view": "singleValue", "metrics": [["N", "M", {"label": "One"}]]}),
        ("metric", {"title": "Math", "metrics": [[{"expression": "SEARCH(x)", "id": "e"}]]}),
        ("metric", {"title": "Bad", "metrics": [["N"]]}),
        ("alarm", {"title": "States", "alarms": [alarm, f"{alarm}-gone"]}),
        ("explorer", {"title": "Explorer"}),
        ("log", {"title": "Log", "query": "SOURCE '/gone' | fields @message"}),
        ("log", {"title": "Log", "query": "pattern @message"}),
        ("log", {"title": "Log", "query": f"filter {'(' * 5000}1{')' * 5000} = 1"}),
    ]
    told = {"widgets": [{"type": kind, "properties": properties} for kind, properties in kinds]}
    client("cloudwatch").put_dashboard(DashboardName="odd", DashboardBody=json.dumps(told))
    now = this_minute()
    serve_minutes(now, 3)
    shown = words(render_dashboard(REGION, "odd", "3h", now))
    assert "threshold 10 mme-dev-latency-warning" in shown
    assert f"the alarm {alarm}-gone is not deployed here" in shown
    assert "One –" in shown  # noqa: RUF001
    assert "the function SEARCH is not known to the embedded CloudWatch" in shown
    assert "metric 0 of the graph can't be read" in shown
    assert f"{alarm}-gone is not deployed here" in shown
    assert "No line of the log answers this query." in shown
    assert "the command pattern is not known here" in shown
    assert "it can't be read: RecursionError" in shown
    assert "Widgets of the kind explorer are not drawn here." in shown


def test_over_http() -> None:
    async def story() -> None:
        page = FakeRuntime(now=time.time()).page()
        application = web.Application()
        application.add_routes(page.routes())
        async with TestClient(TestServer(application)) as reader:
            answer = await reader.get(PATH)
            assert (answer.status, "mme-dev" in await answer.text()) == (200, True)
            async with reader.get(f"{PATH}events?range=12h") as events:
                line = await events.content.readline()
                assert "aria-current=true>12h" in json.loads(line.removeprefix(b"data: "))
            gone = await reader.get("/_mme/dashboards/eu-west-1/mme-dev/")
            assert (gone.status, await gone.text()) == (404, "no dashboard mme-dev is deployed in eu-west-1")
            assert (await reader.get("/_mme/dashboards/eu-west-1/mme-dev/events")).status == 404
            assert (await reader.get(f"{PATH}?range=9y")).status == 400
            await page.close()

    asyncio.run(asyncio.wait_for(story(), 120))


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium here")
def test_in_a_browser() -> None:
    now = this_minute()
    serve_minutes(now, 20)
    runtime = FakeRuntime(now=now + 1.0)

    async def story() -> None:
        page = runtime.page()
        application = web.Application()
        application.add_routes(page.routes())
        async with TestServer(application) as server, new_page() as browser:
            await browser.open(str(server.make_url(PATH)))
            await browser.until("document.getElementById('live').textContent === 'live'")
            columns = "new Set([...document.querySelectorAll('.cell')].map(e => e.offsetWidth)).size"
            assert await browser.run(columns) > 1
            await browser.look_like(390, 844, phone=True)
            assert await browser.run("document.documentElement.scrollWidth") == 390
            assert await browser.run(columns) == 1
            assert await browser.run("document.querySelectorAll('.chart .line').length") >= 12
            await asyncio.to_thread(
                client("cloudwatch").put_dashboard,
                DashboardName=ENDPOINT,
                DashboardBody=json.dumps(
                    {"widgets": [{"type": "text", "properties": {"markdown": "# Fresh"}}]}
                ),
            )
            await browser.until("document.querySelector('.prose h3')?.textContent === 'Fresh'")
            assert browser.complaints == []
            await page.close()

    asyncio.run(asyncio.wait_for(story(), 240))
