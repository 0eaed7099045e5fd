"""Our sender and other MSRP stacks: what it writes, and whom it connects to or waits for: PEERS 1 to 37."""

from __future__ import annotations

import re

import attrs

from pushsvc.errors import Refused, Unreachable, Withdrawn
from pushsvc.msrp.chunk import Flag, Send
from pushsvc.net.msrp_sending import Transfer
from pushsvc.sender.job import FileState
from tests.conversations.foreign import FOREIGN, Frame
from tests.conversations.sending_case import LARGE, TO_FOREIGNER, SendingCase
from tests.pushing import PLAIN_PORT

HEAD = re.compile(
    rb"MSRP (?P<id>[A-Za-z0-9]{8,32}) SEND\r\n"
    rb"To-Path: (?P<to>[^\r]+)\r\n"
    rb"From-Path: msrp://192\.0\.2\.10:[0-9]+/[A-Za-z0-9]+;tcp\r\n"
    rb"Message-ID: (?P<message_id>[A-Za-z0-9]{4,32})\r\n"
    rb"Byte-Range: (?P<start>[1-9][0-9]*)-(?P<end>[0-9]+|\*)/(?P<total>[0-9]+)\r\n"
    rb"Content-Disposition: attachment; filename=\"file0\.txt\"; creation-date=\"[^\"]*\"; size=[0-9]+\r\n"
    rb"Content-Description: Gate 3\r\n"
    rb"Content-Type: text/plain\r\n\r\n"
)


class Written(SendingCase):
    """[D-MSRP-1] [D-MSRP-2] What goes out, to the octet."""

    def heads(self) -> list[re.Match[bytes]]:
        return list(HEAD.finditer(self.written()))

    def test_heads_are_what_the_pickiest_of_them_takes(self) -> None:
        """PEERS 3, 4, 12, 13, 14, 20, 35: exact names, one blank, paths first, Content-Type last, a Message-ID and a
        numeric total, ids of letters and digits, no Failure-Report: yes, and nothing else."""
        for chunk, count in ((65536, 4), (2048, 100)):
            self.setUp()
            self.begin(transfer=Transfer(chunk=chunk))
            result = self.pushed(LARGE)
            heads = self.heads()
            self.assertEqual((len(heads), self.written().count(b" SEND\r\n")), (count, count))
            self.assertEqual(len({head["id"] for head in heads}), count)
            self.assertEqual(len({head["message_id"] for head in heads}), 1)
            self.assertEqual({head["total"] for head in heads}, {str(len(LARGE)).encode()})
            self.assertEqual([int(head["start"]) for head in heads], [1 + chunk * index for index in range(count)])
            self.assert_delivered(result, LARGE)

    def test_long_chunks_are_interruptible_and_short_ones_say_their_end(self) -> None:
        """PEERS 12: FreeSWITCH wants a chunk of a definite end in its buffer at once; up to 2048 octets it is."""
        for size, end in ((2048, b"2048"), (2049, b"*")):
            self.setUp()
            self.begin()
            self.assert_delivered(self.pushed(bytes(size)), bytes(size))
            (head,) = self.heads()
            self.assertEqual(head["end"], end)

    def test_the_id_is_never_in_the_body(self) -> None:
        """PEERS 7: not even without the line end: with one msrplib closes, tinyMSRP and node-lib wedge."""
        self.begin()
        ids = (f"push{number:012}" for number in range(200))
        octets = b"\r\n".join(f"-------{each}?".encode() for each in ids)
        result = self.pushed(octets)
        self.assertNotIn(b"-------" + self.heads()[0]["id"], octets)
        self.assert_delivered(result, octets)

    def test_an_empty_file_has_both_line_ends(self) -> None:
        """PEERS 2: with one msrplib, tinyMSRP and msrp-java swallow the next frame."""
        self.begin()
        result = self.pushed(b"")
        (head,) = self.heads()
        self.assertEqual(self.written()[head.end() :], b"\r\n-------" + head["id"] + b"$\r\n")
        self.assertEqual(self.written()[: head.end()][-28:], b"Content-Type: text/plain\r\n\r\n")
        self.assert_delivered(result, b"")

    def test_the_path_goes_back_octet_for_octet(self) -> None:
        """PEERS 11: msrp-java compares text, msrplib URIs; whatever the peer wrote is what it reads."""
        for path in (
            f"msrp://{FOREIGN}:2855/a+b/c=;tcp",
            f"MSRP://alice@{FOREIGN}:2855/S3ss10n;TCP;x=y",
            f"msrp://{FOREIGN}:2855/1795344325913;tcp;lr",
        ):
            self.setUp()
            self.foreigner.path = path
            self.begin()
            result = self.pushed()
            self.assertEqual(self.heads()[0]["to"], path.encode())
            self.assert_delivered(result)

    def test_a_long_name_and_description_keep_the_head_short(self) -> None:
        """PEERS 29: msrp-java takes 3024 octets of headers, Kamailio 11 KB a frame: ours has less than 2 KB."""
        self.begin(transfer=Transfer(chunk=2048))
        job = self.sender.job(LARGE, to=TO_FOREIGNER, description="d" * 1024, title="t" * 255)
        (content,) = job.contents
        named = attrs.evolve(job, contents=(attrs.evolve(content, name="ü" * 127),))
        result = self.network.run(self.sender.deliver(named))
        ends = [found.start() for found in re.finditer(rb"\r\n\r\n", self.written())]
        starts = [found.start() for found in re.finditer(rb"MSRP [A-Za-z0-9]{16} SEND\r\n", self.written())]
        self.assertEqual(len(starts), 100)
        for start in starts:
            self.assertLess(min(end for end in ends if end > start) - start, 2048)
        self.assert_delivered(result, LARGE)

    def test_what_a_content_is_and_what_to_do_with_it(self) -> None:
        """[R-UP-1a] [R-UP-1b] [R-UP-2] Disposition in SEND and SDP alike, name and size as in the selector; a
        description only where there is one, and always before Content-Type."""
        for disposition, title, description in (("attachment", "Gate 3", "Closed"), ("render", None, None)):
            self.setUp()
            self.begin()
            result = self.pushed(b"hello", disposition=disposition, title=title, description=description)
            (send,) = self.foreigner.sends()
            headers = dict(send.headers)
            self.assertRegex(headers["Content-Disposition"], f'^{disposition}; filename="file0.txt"; .*size=5$')
            self.assertEqual(headers.get("Content-Description"), description)
            offer = self.foreigner.requests("INVITE")[0].body.decode()
            self.assertIn(f"a=file-disposition:{disposition}\r\n", offer)
            self.assertIn('name:"file0.txt" type:text/plain size:5 ', offer)
            self.assertLess(self.written().index(b"Content-Disposition"), self.written().index(b"Content-Type"))
            self.assert_delivered(result)

    def test_the_offer_has_what_others_crash_without(self) -> None:
        """[D-SDP-5] PEERS 37 and 28: id and selector with name, type, size and an upper-case hash (rcsjta, sipsimple);
        no a=x-file-offset, so that nobody sends FILE_OFFSET; no a=connection."""
        self.begin()
        self.pushed()
        offer = self.foreigner.requests("INVITE")[0].body.decode()
        self.assertRegex(
            offer,
            'a=file-selector:name:"file0.txt" type:text/plain size:5 hash:sha-1:([0-9A-F]{2}:){19}[0-9A-F]{2}\r\n'
            "a=file-transfer-id:[!-~]+\r\n",
        )
        self.assertNotIn("x-file-offset", offer)
        self.assertNotIn("a=connection", offer)
        self.assert_nothing_left()

    def test_contents_are_sent_bare(self) -> None:
        """PEERS 36: sipsimple refuses message/cpim inside a file transfer, though the answer may name it."""
        self.begin()
        result = self.pushed()
        self.assertEqual([send.content_type for send in self.foreigner.sends()], ["text/plain"])
        self.assert_delivered(result)

    def test_a_window_of_one_chunk(self) -> None:
        """PEERS 21: msrp-java dies over pipelined chunks; with a window no larger than the chunk there are none."""
        self.begin(transfer=Transfer(chunk=2048, window=128))
        self.foreigner.react = lambda frame: b""
        pushing = self.pushing(bytes(5000))
        for answered in range(3):
            self.network.settle(1.0)
            self.assertEqual(len(self.foreigner.sends()), answered + 1)
            last = self.foreigner.sends()[-1]
            assert self.foreigner.wire is not None
            self.foreigner.wire.transport.write(self.reply(last.transaction_id, "200 OK"))
        self.assert_delivered(self.network.run(pushing), bytes(5000))

    def test_no_more_than_the_peer_says_it_takes(self) -> None:
        """[D-MSRP-2] a=max-size: a larger file is not sent at all, and the reason says so; one as large is."""
        self.begin()
        fitting = self.answer
        self.foreigner.describe = lambda offer: fitting(offer) + "a=max-size:5\n"
        result = self.pushed(b"hello!")
        assert isinstance(result.failure, Refused)
        self.assertEqual((result.failure.reason, result.failure.retry), ("the peer takes 5 octets, not 6", False))
        self.assertEqual((result.msrp_status, result.files[0].result), (None, FileState.REFUSED))
        self.network.settle(1.0)
        self.assertEqual((self.foreigner.sends(), len(self.foreigner.requests("BYE"))), ([], 1))
        self.assert_delivered(self.pushed(b"hello"))


class ActivePeers(SendingCase):
    """PEERS 10, 23 to 27: connections that others open, or lose."""

    setup = "active"
    port = 9

    def test_an_active_peer_with_port_9(self) -> None:
        """PEERS 10 and 26: rcsjta connects, says so by a SEND without a Byte-Range, and the file goes over that."""
        self.foreigner.path = f"msrp://{FOREIGN}:9/1795344325913;tcp"
        self.begin()
        self.sender.stack.msrp.listen("tcp", "192.0.2.10", PLAIN_PORT)
        pushing = self.pushing(LARGE)
        self.network.settle(1.0)
        self.foreigner.connect()
        self.foreigner.say("MSRP 5f0c1e SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 1a2b3c\n-------5f0c1e$\n")
        result = self.network.run(pushing)
        self.assertEqual(self.foreigner.statuses(), [200])
        self.assert_delivered(result, LARGE)


class Others(SendingCase):
    """What comes to us while we send."""

    def test_opening_sends_and_keep_alives_of_the_passive_side(self) -> None:
        """[D-SDP-3] PEERS 26 and 27: rcsjta says one as passive side, too; node-lib's timer beats in any role."""
        self.begin()
        odd = (
            "MSRP {id}1 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: o{id}\n-------{id}1$\n"
            "MSRP {id}2 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: h{id}\nSuccess-Report: yes\n"
            "Content-Type: text/x-msrp-heartbeat\nByte-Range: 1-9/9\n\nHEARTBEAT\n-------{id}2$\n"
        )
        self.foreigner.react = lambda frame: (
            self.foreigner.frame(odd.replace("{id}", frame.head.transaction_id))
            + self.reply(frame.head.transaction_id, "200 OK")
            if isinstance(frame.head, Send)
            else b""
        )
        result = self.pushed(LARGE)
        self.assertEqual(set(self.foreigner.statuses()), {200})
        self.assert_delivered(result, LARGE)

    def test_content_against_the_direction(self) -> None:
        """[D-SDP-3] [D-MSRP-3] We only send: 415, one line, and the push goes on."""
        self.begin()
        text = "MSRP x1 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: x\nContent-Type: a/b\n\nhi\n-------x1$\n"
        self.foreigner.react = lambda frame: (
            self.foreigner.frame(text) + self.reply(frame.head.transaction_id, "200 OK")
            if isinstance(frame.head, Send)
            else b""
        )
        result = self.pushed()
        self.assertEqual((self.foreigner.statuses(), self.logged()), ([415], ["content declined: type not acceptable"]))
        self.assert_delivered(result)

    def test_a_peer_whose_writer_was_not_ready(self) -> None:
        """PEERS 23: rcsjta closes when a request comes at the very moment of accept: that is worth another try."""
        self.begin()
        self.foreigner.react = lambda frame: self._close()
        failure = self.pushed().failure
        assert isinstance(failure, Unreachable)
        self.assertTrue(failure.retry)
        self.network.settle(1.0)
        self.foreigner.frames.clear()
        self.foreigner.react = self.replying("200 OK")
        self.assert_delivered(self.pushed())

    def _close(self) -> bytes:
        assert self.foreigner.wire is not None
        self.foreigner.wire.transport.loseConnection()
        return b""

    def test_a_connection_that_ends_after_the_last_reply(self) -> None:
        """PEERS 33: judged by octets and replies, not by how the connection ended."""
        self.begin()

        def react(frame: Frame) -> bytes:
            wire = self.foreigner.wire
            if wire is not None and isinstance(frame.head, Send):
                wire.transport.write(self.reply(frame.head.transaction_id, "200 OK"))
                self.network.clock.callLater(0.05, wire.transport.abortConnection)
            return b""

        self.foreigner.react = react
        self.assert_delivered(self.pushed())

    def test_an_abort_that_is_answered_413(self) -> None:
        """[F-15] PEERS 31, node-lib: `#` gets a 413, which nobody waits for."""
        self.begin(transfer=Transfer(chunk=2048, window=2048))
        self.foreigner.react = lambda frame: (
            self.reply(frame.head.transaction_id, "413 Stop") if frame.flag is Flag.ABORTED else b""
        )
        pushing = self.pushing(LARGE)
        self.network.settle(1.0)
        pushing.cancel()
        self.assertIsInstance(self.network.run(pushing).failure, Withdrawn)
        self.network.settle(1.0)
        self.assertEqual([frame.flag for frame in self.foreigner.frames], [Flag.MORE, Flag.ABORTED])
        self.assertEqual(len({send.message_id for send in self.foreigner.sends()}), 1)
        self.assert_nothing_left()
