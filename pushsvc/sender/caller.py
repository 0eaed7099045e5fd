"""Who the sender is on SIP: identity, route, and the headers of its INVITEs and MESSAGEs."""

from __future__ import annotations

import attrs

from pushsvc import push
from pushsvc.sender.content import described
from pushsvc.sender.job import Job
from pushsvc.sip.uri import SipUri

Fields = list[tuple[str, str]]


@attrs.frozen
class Caller:
    """The settings of [sip] and [delivery] that show in requests. `route` is the outbound proxy, with `;lr`."""

    identity: SipUri
    display_name: str = ""
    route: SipUri | None = None
    service: str = ""
    require: bool = False
    explicit: bool = False
    ims: bool = False
    session_expires: int = 1800

    def invite(self, job: Job, contact: SipUri, session_expires: int, min_se: int) -> Fields:
        """From to Content-Type of an INVITE."""
        return push.invite_headers(
            identity=self.identity,
            display_name=self.display_name,
            target=SipUri.parse(job.to),
            contact_uri=contact,
            targeting=self._targeting(job),
            session_expires=session_expires,
            min_se=min_se,
            ims=self.ims,
        )

    def message(self, job: Job, now: float) -> Fields:
        """From to Content-Type of a MESSAGE with the job's only content; `now` is seconds since 1970."""
        content = job.contents[0]
        return push.message_headers(
            identity=self.identity,
            display_name=self.display_name,
            target=SipUri.parse(job.to),
            targeting=self._targeting(job),
            push_id=content.transfer_id,
            content_type=content.type,
            now=now,
            expires_in=max(0, int(job.not_after - now)),
            content=described(job, content),
            subject=job.title or "",
            ims=self.ims,
        )

    def _targeting(self, job: Job) -> push.Targeting:
        applications = (job.application,) if job.application else ()
        return push.Targeting(self.service, applications, self.require, self.explicit)
