"""What every command gets: the daemon it talks to, and its way to speak."""

from __future__ import annotations

import attrs
import click

from pushsvc.pushctl.client import Api
from pushsvc.pushctl.output import Output


@attrs.frozen
class Session:
    """One run of pushctl."""

    api: Api
    output: Output


pass_session = click.make_pass_decorator(Session)
