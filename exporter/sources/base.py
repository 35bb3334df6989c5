"""What every source can do, and the time it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

from exporter.domain.errors import DeadlineError, NotFoundError
from exporter.domain.offers import Offer, OfferStatus

__all__ = ["Deadline", "NotServedError", "Source"]


class Deadline:
    """A moment by which something must have ended; `monotonic` is the clock it is measured on, in seconds."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._at = monotonic() + seconds

    def now(self) -> float:
        """Tell the time on its clock."""
        return self._monotonic()

    def end(self) -> None:
        """Make it pass now."""
        self._at = self._monotonic()

    def remaining(self) -> float:
        """Tell how many seconds are left, never less than 0."""
        return max(0.0, self._at - self._monotonic())

    def check(self) -> None:
        """Raise DeadlineError once the time is over."""
        if self._monotonic() >= self._at:
            raise DeadlineError("the time for this refresh is over")


class NotServedError(NotFoundError):
    """The API lists the offer but tells no submissions of it; `listed` is all that it knows.

    The submission API does so for virtual machines and containers, whose submissions belong to another API.
    """

    def __init__(self, message: str, listed: Offer) -> None:
        self.listed = listed
        super().__init__(message)

    @classmethod
    def of(cls, known: Offer, source: str, publisher_id: str, offer_id: str) -> Self:
        """Make one out of what any list tells of the offer."""
        listed = Offer(
            publisher_id=publisher_id,
            offer_id=offer_id,
            status=OfferStatus.UNKNOWN,
            source=source,
            display_name=known.display_name,
            offer_type=known.offer_type,
            product_id=known.product_id,
            is_listed_only=True,
            tells_messages=False,
        )
        return cls(f"{source} lists {offer_id} but tells no submissions of it", listed)


class Source(Protocol):
    """One upstream API that can list the offers of a publisher and tell their status.

    Both calls raise the `SourceError` that names the phase that failed; both may be made from several threads at once.
    An offer that `fetch_offer` does not find is a `NotFoundError`; another source may still know it.
    """

    name: str

    def list_offers(self, publisher_id: str, deadline: Deadline) -> tuple[Offer, ...]:
        """List all offers of a publisher, each id once, without their steps."""
        ...

    def fetch_offer(self, publisher_id: str, offer_id: str, listed: Offer | None, deadline: Deadline) -> Offer:
        """Fetch one offer with its steps; `listed` is its entry in a list, which knows what the status does not."""
        ...
