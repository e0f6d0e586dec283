"""An authorization server with our accounts, in Flask, on SQLite, beside the application's own routes."""

from __future__ import annotations

from flask import Flask

from authority_core import Authority
from authority_core.kernel.sync import run
from authority_flask import AuthorityExtension
from authority_sql import SqlStorage, migrate
from examples.seed import DATABASE_URL, seed, settings

migrate(DATABASE_URL)
authority = Authority(settings(), SqlStorage.from_url(DATABASE_URL))
app = Flask(__name__)
AuthorityExtension(app, authority)
run(seed(authority))


@app.get("/")
def home() -> str:
    """The application keeps its own routes."""
    return "This is the application; sign in at /signin."
