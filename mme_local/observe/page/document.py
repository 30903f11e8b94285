"""The whole page, and its changing part alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from mme_local.observe.dashboards.cloud import CloudFacts
from mme_local.observe.dashboards.widgets import alarm_list
from mme_local.observe.history import History
from mme_local.observe.page import blocks
from mme_local.observe.page.messages import text

_MARK = (
    '<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">'
    '<rect x="2" y="2" width="9" height="9" rx="2.5"/>'
    '<rect x="13" y="2" width="9" height="9" rx="2.5" opacity=".55"/>'
    '<rect x="2" y="13" width="9" height="9" rx="2.5" opacity=".55"/>'
    '<rect x="13" y="13" width="9" height="9" rx="2.5" opacity=".25"/></svg>'
)


def render_page(status: Mapping[str, Any], main: str, nonce: str, back: str = "") -> str:
    """The document.

    Args:
        status: what the runtime tells of itself: ``url``, ``pid``, ``backends``.
        main: its changing part.
        nonce: lets its own style and script, and nothing else, be used (Content Security Policy).
        back: the address of the page that this one is part of; empty where there is none.
    """
    facts = f"process {status['pid']} · {', '.join(map(str, status['backends']))}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>Local runtime</title>'
        '<link rel="icon" href="data:,">'
        f'<noscript><meta http-equiv="refresh" content="5"></noscript>'
        f'<style nonce="{nonce}">{_asset("page.css")}</style></head><body>'
        f'<a class="skip" href="#main">Skip to the endpoints</a><header class="top">{_MARK}'
        f'<div><h1>{_title(back)}</h1><p class="note"><code>{text(status["url"])}</code>'
        f'<span class="facts"> · {text(facts)}</span></p></div>'
        '<p class="live" role="status"><span class="light up"></span><span id="live">live</span></p></header>'
        f'<main id="main" tabindex="-1">{main}</main>'
        f'<script nonce="{nonce}">{_asset("page.js")}</script></body></html>'
    )


def render_main(
    status: Mapping[str, Any], history: History, cpu: Mapping[str, float], cloud: CloudFacts, now: float
) -> str:
    """What changes while the runtime serves.

    Args:
        status: with ``endpoints`` as `DataPlane.describe` tells of them.
        history: of their requests.
        cpu: percent of a processor, by the instance's id.
        cloud: alarms and dashboards.
        now: seconds since the epoch.
    """
    endpoints = status["endpoints"]
    parts = [_endpoint(endpoint, history, cpu, now) for endpoint in endpoints]
    if not endpoints:
        parts = [blocks.block("nothing", _NOTHING.format(url=text(status["url"])), "empty-page")]
    return "".join([*parts, _watched(cloud, now)])


def _watched(cloud: CloudFacts, now: float) -> str:
    """Dashboards and alarms, where some are deployed."""
    if not cloud.alarms and not cloud.dashboards:
        return ""
    links = "".join(
        f'<li><a href="dashboards/{quote(region, safe="")}/{quote(name, safe="")}/">{text(name)}</a> '
        f'<span class="note">{text(region)}</span></li>'
        for region, name in cloud.dashboards
    )
    dashboards = f'<h3>Dashboards</h3><ul class="dashboards">{links}</ul>' if links else ""
    alarms = f"<h3>Alarms</h3>{alarm_list(cloud.alarms, now)}" if cloud.alarms else ""
    return (
        '<section aria-labelledby="watched"><div class="heading"><h2 id="watched">CloudWatch</h2></div>'
        f"{blocks.block('dashboards', dashboards)}{blocks.block('alarms', alarms)}</section>"
    )


def _title(back: str) -> str:
    title = "Local runtime"
    return f'<a href="{text(back)}">{title}</a>' if back else title


def _endpoint(endpoint: Mapping[str, Any], history: History, cpu: Mapping[str, float], now: float) -> str:
    key = _identifier(endpoint["region"], endpoint["name"], endpoint["variant"])
    seen = history.of(endpoint["region"], endpoint["name"])
    slices = seen.slices(now)
    instances = endpoint["instances"]
    labels = (endpoint["variant"], endpoint["instance_type"], endpoint["region"])
    badges = "".join(f'<span class="badge">{text(label)}</span>' for label in labels if label)

    def part(name: str, html: str) -> str:
        return blocks.block(f"{key}-{name}", html)

    return (
        f'<section aria-labelledby="{key}"><div class="heading"><h2 id="{key}">{text(endpoint["name"])}</h2>'
        f"<p>{badges}</p></div>{part('tiles', blocks.tiles(seen, slices, instances))}"
        f"{part('charts', blocks.charts(slices))}"
        f"<h3>Instances</h3>{part('instances', blocks.instance_cards(instances, cpu))}"
        f"<h3>Models in memory</h3>{part('models', blocks.models(instances, now))}"
        f"<h3>Recent requests</h3>{part('requests', blocks.requests(seen.recent))}"
        f"<h3>Recent errors</h3>{part('errors', blocks.failures(seen.failures))}</section>"
    )


def _identifier(*words: str) -> str:
    """An element's id: whatever the words hold, letters and digits only."""
    return f"e{sha256('/'.join(words).encode()).hexdigest()[:12]}"


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text()


_NOTHING = """<h2>No endpoint is deployed</h2>
<p>Point the AWS CLI, the CDK or boto3 at this address and deploy a multi-model endpoint.
It shows up here with its first container.</p>
<pre><code>export AWS_ENDPOINT_URL={url} AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
cdk bootstrap -c env=local
cdk deploy -c env=local 'local/*'</code></pre>"""
