"""The recorded session descriptions: read, written again, and written by us from what they say."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sdp import (
    Accepted,
    Change,
    Closed,
    Declined,
    Description,
    FileOffer,
    LocalEnd,
    MediaOffer,
    Repeated,
    answer,
    answer_again,
    answer_setup,
    answered,
    capabilities,
    changes,
    closing,
    format,
    media,
    offer,
    parse,
    reoffer,
)

WIRE = Path(__file__).parents[1] / "wire"


def body(name: str) -> bytes:
    """The session description in a recorded file: the file itself, a body behind SIP headers, or a part of that."""
    _, start, rest = (WIRE / name).read_bytes().partition(b"v=0\r\n")
    return start + rest.partition(b"\r\n--push-b1")[0]


def recorded() -> dict[str, bytes]:
    names = [path.relative_to(WIRE).as_posix() for path in sorted(WIRE.rglob("*")) if path.is_file()]
    return {name: body(name) for name in names if body(name)}


def local_end(description: Description) -> LocalEnd:
    """The end that wrote this description."""
    line = next(line for line in media(description) if line.path)
    port = line.path[0].port
    assert port is not None
    return LocalEnd(line.connection_host, port, line.secure, line.setup or "", line.fingerprints, line.cema)


def version(description: Description) -> tuple[int, int]:
    return description.origin.session_id, description.origin.version


def file_offer(line: MediaOffer) -> FileOffer:
    """The file that a recorded line offers, from nothing but what the line says."""
    selector = line.selector
    assert selector is not None
    assert line.transfer_id is not None
    assert selector.name is not None
    assert selector.type is not None
    assert selector.size is not None
    assert selector.sha1 is not None
    return FileOffer(
        selector.name,
        selector.type,
        selector.size,
        selector.sha1,
        line.transfer_id,
        line.path,
        disposition=line.disposition,
        created_at=line.created_at,
        modified_at=line.modified_at,
        title=line.title,
        accept_types=line.accept_types,
        accept_wrapped_types=line.accept_wrapped_types,
        file_range=line.file_range,
        icon=line.icon,
    )


def decision(line: MediaOffer) -> Accepted | Declined:
    """What the writer of a recorded answer must have decided about this line of it."""
    if line.refused:
        return Declined(line.accept_types)
    return Accepted(line.path, line.accept_types, line.max_size, answer_setup("actpass"), line.accept_wrapped_types)


class RecordedDescriptions(SynchronousTestCase):
    """The octets that the protocol's flows are made of."""

    def test_every_recorded_description_comes_back_octet_for_octet(self) -> None:
        """A session timer's refresh repeats a description, and any changed octet makes the peer decide anew."""
        descriptions = recorded()
        self.assertEqual(len(descriptions), 34)
        for name, octets in descriptions.items():
            self.assertEqual(format(parse(octets)), octets, name)

    def test_every_selector_fingerprint_and_range_is_written_as_it_was_read(self) -> None:
        """[E.1] Peers compare these as text, so our spelling has to be the usual one."""
        for name, octets in recorded().items():
            for section in parse(octets).sections:
                for line in media(Description(parse(octets).session, (section,))):
                    self.assertEqual(str(line.selector or ""), section.attribute("file-selector") or "", name)
                    self.assertEqual(str(line.file_range or ""), section.attribute("file-range") or "", name)
                    for fingerprint in line.fingerprints:
                        self.assertIn(f"a=fingerprint:{fingerprint}".encode(), octets, name)

    def test_offers_are_rebuilt_from_what_they_say(self) -> None:
        """[R-PSA-EST-8, R-PSA-EST-8a, R-PSA-EST-9, R-PSA-EST-10] Our offers look like those of the flows."""
        for name in (
            "flow1/01-sip-INVITE-offer-sendonly.bin",
            "flow2/01-sip-INVITE-two-m-lines.bin",
            "flow4/01-sip-INVITE-unsupported-type.bin",
            "flow5/01-sip-INVITE-three-files.bin",
            "flow11/03-sip-re-INVITE-file-range-2049-5000.bin",
            "flow14/05-sip-INVITE.bin",
        ):
            theirs = parse(body(name))
            files = [file_offer(line) for line in media(theirs)]
            self.assertEqual(format(offer(local_end(theirs), files, version(theirs))), body(name), name)

    def test_an_icon_is_named_behind_the_dates(self) -> None:
        """[R-PSA-EST-9] The picture of a file, sent in another part of the INVITE (E.3)."""
        theirs = parse(body("cheatsheet/multi_invite.bin"))
        files = [file_offer(line) for line in media(theirs)]
        self.assertEqual([file.icon for file in files], [None, "icon1@sender.example.com"])
        self.assertEqual(offer(local_end(theirs), files, version(theirs)), theirs)

    def test_answers_are_rebuilt_from_what_they_say(self) -> None:
        """[R-PRA-INV-4a, R-PRA-INV-4b, R-PRA-INV-6, R-PRA-INV-6a, R-PRA-INV-6b] And so do our answers."""
        for offered, replied in (
            ("flow1/01-sip-INVITE-offer-sendonly.bin", "flow1/02-sip-200-OK-answer-recvonly.bin"),
            ("flow2/01-sip-INVITE-two-m-lines.bin", "flow2/02-sip-200-OK-both-accepted.bin"),
            ("flow5/01-sip-INVITE-three-files.bin", "flow5/02-sip-200-OK-file-2-port-0.bin"),
            ("flow14/05-sip-INVITE.bin", "flow14/11-sip-200-OK-answer.bin"),
            ("flow11/03-sip-re-INVITE-file-range-2049-5000.bin", "flow11/04-sip-200-OK-same-file-range.bin"),
            ("cheatsheet/multi_invite.bin", "cheatsheet/multi_answer.sdp"),
        ):
            theirs, ours = parse(body(offered)), parse(body(replied))
            decisions = [decision(line) for line in answered(theirs, ours)]
            rebuilt = answer(theirs, decisions, local_end(ours), version(ours))
            self.assertEqual(format(rebuilt), body(replied), replied)
            self.assertEqual({line.problem for line in answered(theirs, rebuilt)}, {None})

    def test_one_finished_file_is_closed_while_the_other_runs(self) -> None:
        """[R-PSA-200-4, A-20, D-SDP-1] Only the port and the version change, on both sides (flow 2)."""
        first, second = (
            parse(body("flow2/01-sip-INVITE-two-m-lines.bin")),
            parse(body("flow2/08-sip-re-INVITE-m-line-1-port-0.bin")),
        )
        self.assertEqual(closing(first, [0]), second)
        self.assertEqual(changes(first, second), [Change.CLOSED, Change.KEPT])
        before = parse(body("flow2/02-sip-200-OK-both-accepted.bin"))
        after = answer_again(second, before, [Closed(), Repeated()], local_end(before))
        self.assertEqual(format(after), body("flow2/09-sip-200-OK-m-line-1-port-0.bin"))

    def test_a_further_file_takes_over_the_line_of_the_one_before(self) -> None:
        """[R-PSA-REL-0] A push inside the linger period reuses the session (flow 3)."""
        first, second = (
            parse(body("flow1/01-sip-INVITE-offer-sendonly.bin")),
            parse(body("flow3/01-sip-re-INVITE-m-line-reused.bin")),
        )
        self.assertEqual(reoffer(first, local_end(first), {0: file_offer(media(second)[0])}), second)
        self.assertEqual(changes(first, second), [Change.REPLACED])
        before, after = (
            parse(body("flow1/02-sip-200-OK-answer-recvonly.bin")),
            parse(body("flow3/02-sip-200-OK.bin")),
        )
        rebuilt = answer_again(second, before, [decision(answered(second, after)[0])], local_end(before))
        self.assertEqual(rebuilt, after)

    def test_a_refresh_repeats_the_description(self) -> None:
        """[D-SDP-1] Nothing changed, so not even the version does (flow 8b)."""
        theirs = parse(body("flow8b/01-sip-re-INVITE-unchanged-SDP.bin"))
        self.assertEqual(changes(theirs, theirs), [Change.KEPT])
        before = parse(body("flow8b/02-sip-200-OK-unchanged-SDP.bin"))
        self.assertEqual(answer_again(theirs, before, [Repeated()], local_end(before)), before)

    def test_capabilities_are_those_of_the_recordings(self) -> None:
        """[D-SIP-15] What OPTIONS and a 488 tell a sender before it tries (E.4, flow 4)."""
        end = LocalEnd("receiver.example.com", 2855)
        types = ["text/plain", "image/jpeg", "message/cpim", "multipart/mixed", "multipart/alternative"]
        told = capabilities(end, (2208541502, 1), types, 10485760, ["*"])
        self.assertEqual(format(told), body("cheatsheet/options_sdp.sdp"))
        told = capabilities(end, (2208541180, 1), types, 10485760)
        self.assertEqual(format(told), body("flow4/02-sip-488-Not-Acceptable-Here.bin"))
