"""A real OpenID Connect provider for the tests: NanoIDP in a process of its own, with two users and three clients."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from listening import free_port, listening

SETTINGS = """
config_version: 1
server: {{host: "127.0.0.1", port: {port}}}
oauth:
  issuer: "{issuer}"
  audience: "chat"
  token_expiry_minutes: 60
  device_polling_interval: 1
  clients:
    - {{client_id: "smoke", client_secret: "client-secret-of-smoke"}}
    - {{client_id: "alice", client_secret: "client-secret-of-smoke"}}
    - {{client_id: "strange client", client_secret: "a secret/with %41 + marks"}}
    - client_id: "in a form"
      client_secret: "a secret/with %41 + marks"
      token_endpoint_auth_method: "client_secret_post"
"""
USERS = """
config_version: 1
users:
  alice: {password: "password-of-alice", email: "alice@example.org", roles: ["USER"]}
  bob: {password: "password-of-bob", email: "bob@example.org", roles: ["USER"]}
"""


@contextlib.contextmanager
def provider(folder: Path) -> Iterator[str]:
    """Yields its issuer; skips where NanoIDP is missing."""
    pytest.importorskip("nanoidp", reason="NanoIDP is not installed")
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    (folder / "settings.yaml").write_text(SETTINGS.format(port=port, issuer=issuer))
    (folder / "users.yaml").write_text(USERS)
    with listening(["-m", "nanoidp", "--config", str(folder), "--port", str(port)], port, folder):
        yield issuer
