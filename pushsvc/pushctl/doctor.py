"""`pushctl doctor`: why nothing is pushed yet. The daemons look; what they cannot say is said here."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import attrs
import click
from click.core import ParameterSource

from pushsvc.pushctl.client import Api, ApiRefused, Json
from pushsvc.pushctl.configuration import role_of
from pushsvc.pushctl.doctor_alone import check_file, described, listen_of, unreachable
from pushsvc.pushctl.doctor_push import no_push, push_to
from pushsvc.pushctl.exits import CommandFailed, Exit
from pushsvc.pushctl.output import Output, printable
from pushsvc.pushctl.session import Session

CONFIGURATIONS = (Path("/etc/pushsvc/sender.toml"), Path("/etc/pushsvc/receiver.toml"))
WORST_FIRST = (Exit.UNAVAILABLE, Exit.NOT_ALLOWED, Exit.TRY_LATER, Exit.SOME_FAILED)


@attrs.frozen
class Patient:
    """One daemon: where it should answer (None: its API is switched off), and its file. `role` "" until it says."""

    role: str
    api: Api | None
    file: Path | None


@attrs.frozen
class Examined:
    """What was found out about it."""

    role: str
    checks: list[Json]
    exit: Exit


@click.command()
@click.option(
    "--config",
    "files",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="The daemon's configuration; given again, the other's. Default: what is in /etc/pushsvc.",
)
@click.option("--to", metavar="URI", help="Push a short text to this address, by push-sender.")
@click.option("--mode", type=click.Choice(["auto", "message", "msrp"]), help="How to deliver that text.")
@click.pass_context
def doctor(ctx: click.Context, files: Sequence[Path], to: str | None, mode: str | None) -> int:
    """Find out why nothing is pushed: one verdict a line, with the next step.

    Asks the daemon at --url or --socket; without these both daemons whose configuration is here.
    """
    session = ctx.find_object(Session)
    assert session is not None
    patients = _patients(session.api, files, is_named=_is_named(ctx))
    exits, pushed = set(), False
    for patient in patients:
        found = examine(patient)
        if found.role == "sender" and patient.api is not None and found.exit in (Exit.OK, Exit.SOME_FAILED):
            found.checks.append(no_push() if to is None else push_to(patient.api, to, mode))
            pushed = True
        _report(session.output, patient, found)
        exits |= {found.exit, Exit.SOME_FAILED if _failed(found.checks) else Exit.OK}
    if to is not None and not pushed:
        raise CommandFailed(f"no push-sender answered that could push to {to}", Exit.UNAVAILABLE)
    return next((code for code in WORST_FIRST if code in exits), Exit.OK)


def examine(patient: Patient) -> Examined:
    """Its own verdicts; where it does not answer, what can be said without it."""
    role = patient.role
    if patient.api is None:
        step = "set api.listen, so that it can be asked"
        return _alone(patient, described("api", "warning", "its HTTP API is switched off", step))
    try:
        answer = patient.api.post("v1", "doctor")
        return Examined(str(answer["role"]), list(answer["checks"]), Exit.OK)
    except ApiRefused as refused:
        return Examined(role, [_refused(refused)], refused.code)
    except CommandFailed as failure:
        return _alone(patient, unreachable(failure, patient.api.place, role))
    except (KeyError, TypeError):
        text = f"who answers at {patient.api.place} is no pushsvc daemon"
        return _alone(patient, described("api", "failed", text, "name the daemon's API by --url"))


def _alone(patient: Patient, api: Json) -> Examined:
    checks = [] if patient.file is None else check_file(patient.file, patient.role or role_of(patient.file))
    return Examined(patient.role, [api, *checks], Exit.UNAVAILABLE)


def _refused(refused: ApiRefused) -> Json:
    steps = {
        HTTPStatus.UNAUTHORIZED: "name a file with a token of scope write by --token-file",
        HTTPStatus.FORBIDDEN: "give the token the scope write",
        HTTPStatus.NOT_FOUND: "this daemon is older than pushctl: update it",
        HTTPStatus.TOO_MANY_REQUESTS: "ask again in a few seconds",
        HTTPStatus.SERVICE_UNAVAILABLE: "ask again once it has started again",
    }
    status = HTTPStatus(refused.status) if refused.status in HTTPStatus._value2member_map_ else None
    step = "see the daemon's log" if status is None else steps.get(status, "see the daemon's log")
    return described("api", "failed", refused.reason.splitlines()[0], step)


def _is_named(ctx: click.Context) -> bool:
    """Whether somebody said which daemon to ask."""
    root = ctx.find_root()
    sources = (root.get_parameter_source(name) for name in ("url", "unix"))
    return any(source not in (None, ParameterSource.DEFAULT) for source in sources)


def _patients(named: Api, files: Sequence[Path], *, is_named: bool) -> list[Patient]:
    present = list(files) or [file for file in CONFIGURATIONS if file.is_file()]
    if is_named:
        file = present[0] if len(files) == 1 else None
        return [Patient("" if file is None else role_of(file), named, file)]
    return [Patient(role_of(file), listen_of(file, named.token), file) for file in present] or [
        Patient("", named, None)
    ]


def _failed(checks: Sequence[Json]) -> bool:
    return any(check["verdict"] == "failed" for check in checks)


def _report(output: Output, patient: Patient, found: Examined) -> None:
    name = f"push-{found.role}" if found.role else "the daemon"
    where = "" if patient.api is None else f" at {patient.api.place}"
    if not output.as_json:
        click.echo(printable(f"{name}{where}"))
    for check in found.checks:
        output.verdict({"daemon": found.role or None, **check})
