"""The pages for people, rendered on the server: all text escaped, no script, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.domain.errors import FAILURES
from exporter.domain.offers import OfferStatus, Party, StepStatus
from exporter.domain.plain_text import plain_text
from exporter.exposition.families import documented
from exporter.pages.advice import advice
from exporter.pages.filters import NO_DATA, Filters
from exporter.pages.overview import Overview
from exporter.pages.palette import look
from exporter.pages.portal import PARTNER_CENTER
from exporter.pages.view import OfferView
from exporter.pages.wording import Lens, day, duration, iso, utc
from exporter.telemetry.metrics import package_version

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["HtmlPages"]

MAX_MESSAGES = 20
MAX_NAMED = 10


class HtmlPages:
    """Renders snapshots as HTML.

    All links are relative, so that the pages work under any prefix that a reverse proxy gives them.
    """

    def __init__(self, *, telemetry_path: str) -> None:
        self._telemetry_path = telemetry_path

    @cached_property
    def _style(self) -> str:
        return (files("exporter.pages") / "templates" / "style.css").read_text(encoding="utf-8")

    @cached_property
    def policy(self) -> str:
        """The Content-Security-Policy of every page: nothing runs or loads but the style sheet inside, known by its hash."""
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only who looks pays for it
        from markupsafe import Markup  # noqa: PLC0415 - as above

        environment = Environment(
            loader=PackageLoader("exporter.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters.update(
            day=day,
            duration=duration,
            iso=iso,
            utc=utc,
            plain=plain_text,
            words=lambda state: look(state).words,
            tone=lambda state: look(state).colour,
        )
        environment.globals.update(
            version=package_version(),
            style=Markup(self._style),  # noqa: S704 - our own file, and only its hash may apply
            telemetry_path=self._telemetry_path.lstrip("/"),
            partner_center=PARTNER_CENTER,
            max_messages=MAX_MESSAGES,
            max_named=MAX_NAMED,
            no_data=NO_DATA,
            statuses=OfferStatus,
            step_statuses=StepStatus,
            parties=Party,
        )
        return environment

    def index(self, snapshot: Snapshot, filters: Filters, lens: Lens) -> str:
        """The landing page."""
        return self._render("index.html", lens, root="./", view=Overview(snapshot, filters, lens))

    def offer(self, record: OfferRecord, lens: Lens) -> str:
        """The page of one offer; if its data is stale, it shows what was last known, and says so."""
        view = OfferView(record, record.offer, lens)
        is_fresh = lens.fresh(record) is not None
        return self._render(
            "offer.html",
            lens,
            root="../../",
            view=view,
            is_fresh=is_fresh,
            advice=advice(view) if is_fresh else "",
            publications=record.past.ended()[::-1],
            publisher_link=Filters(publisher=record.publisher_id).link(),
        )

    def docs(self, lens: Lens) -> str:
        """The reference of states, reasons, addresses and metrics."""
        return self._render("docs.html", lens, root="./", metrics=documented(), failures=FAILURES)

    def message(self, title: str, text: str, lens: Lens, *, root: str) -> str:
        """A page that says one thing; `root` is the relative way to the landing page."""
        return self._render("message.html", lens, root=root, title=title, text=text)

    def _render(self, template: str, lens: Lens, **values: Any) -> str:
        return self._environment.get_template(template).render(now=lens.now, **values)
