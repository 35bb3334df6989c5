"""The headers that keep answers harmless in a browser."""

from __future__ import annotations

import base64
import hashlib

__all__ = ["page_headers", "security_headers"]


def security_headers(policy: str = "default-src 'none'; frame-ancestors 'none'") -> dict[str, str]:
    """Headers of an answer that no other site may use and no cache may keep."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def page_headers(style: str) -> dict[str, str]:
    """Headers of a page whose only active part is this style sheet, known by its hash; no script may run."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return security_headers(
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
