"""The headers that pages are sent with: nothing runs or loads but what this server ships."""

from __future__ import annotations

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "manifest-src 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types frag",
    )
)

PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}

# Not `no-referrer` where a form is: browsers then send it with `Origin: null`, which is nobody's.
SECRET_HEADERS = {**PAGE_HEADERS, "X-Robots-Tag": "noindex, nofollow"}
"""Of a page whose address is a secret; other sites are not told it either."""

TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}
"""Beside them where the queue's address begins with https."""
