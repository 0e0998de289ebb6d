"""Superset's own settings, for `make bi`. Superset imports this file; see docs/bi.md.

Secrets come as files (SILLAGE_BI_SECRET_KEY_FILE) or from the environment, never from here.
"""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(os.environ["SILLAGE_BI_HOME"])


def _secret(name: str) -> str:
    file = os.environ.get(f"{name}_FILE")
    return Path(file).read_text(encoding="utf-8").strip() if file else os.environ[name]


SECRET_KEY = _secret("SILLAGE_BI_SECRET_KEY")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"
BABEL_DEFAULT_LOCALE = os.environ.get("SILLAGE_BI_LANGUAGE", "en")
LANGUAGES = {"en": {"flag": "us", "name": "English"}, "fr": {"flag": "fr", "name": "Français"}}

# The marts change once an hour.
CACHE_DEFAULT_TIMEOUT = 300
_FILES = {"CACHE_TYPE": "FileSystemCache", "CACHE_DEFAULT_TIMEOUT": CACHE_DEFAULT_TIMEOUT}
CACHE_CONFIG = {**_FILES, "CACHE_DIR": str(HOME / "cache" / "metadata")}
DATA_CACHE_CONFIG = {**_FILES, "CACHE_DIR": str(HOME / "cache" / "data")}
FILTER_STATE_CACHE_CONFIG = {**_FILES, "CACHE_DIR": str(HOME / "cache" / "filters")}
EXPLORE_FORM_DATA_CACHE_CONFIG = {**_FILES, "CACHE_DIR": str(HOME / "cache" / "forms")}
RATELIMIT_STORAGE_URI = "memory://"

# Plain HTTP on 127.0.0.1; behind a proxy with TLS set SILLAGE_BI_TLS=1.
_HAS_TLS = os.environ.get("SILLAGE_BI_TLS") == "1"
ENABLE_PROXY_FIX = _HAS_TLS
SESSION_COOKIE_SECURE = _HAS_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
TALISMAN_ENABLED = True
# Superset's own policy, without the hosts of others: its pages hold a pixel that would count them at one.
_POLICY = {
    "base-uri": ["'self'"],
    "default-src": ["'self'"],
    "img-src": ["'self'", "blob:", "data:"],
    "worker-src": ["'self'", "blob:"],
    "connect-src": ["'self'"],
    "object-src": "'none'",
    "style-src": ["'self'", "'unsafe-inline'"],
    "script-src": ["'self'", "'strict-dynamic'"],
}
TALISMAN_CONFIG = {
    "content_security_policy": _POLICY,
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": _HAS_TLS,
}

# The service that reads dashboards for pictures and mails is not there, and nobody registers by themselves.
FEATURE_FLAGS = {"ALERT_REPORTS": False, "THUMBNAILS": False, "DASHBOARD_RBAC": False}
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
