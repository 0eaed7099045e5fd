"""What other MSRP stacks write to our receiver, as they write it: PEERS 1 to 37, the side that accepts.

What our sender writes to them, and takes from them, is in test_peer_quirks_sending and test_peer_replies.
"""

from __future__ import annotations

from tests.conversations.foreign import FOREIGN
from tests.conversations.receiving_case import AOSP, NODE_LIB, OK, TO_ALICE, ReceivingCase, file_offer


class Framing(ReceivingCase):
    """[D-MSRP-1] PEERS 1 to 8."""

    def test_a_bodiless_send_with_and_without_a_blank_line(self) -> None:
        """PEERS 1: without is right; both are answered, and neither becomes a content."""
        self.called()
        head = "MSRP d93kswow SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 4564dpWd\nByte-Range: 1-0/0\n"
        self.send(head + "-------d93kswow$\n")
        self.send(head + "\n-------d93kswow$\n")
        self.assert_received(statuses=(OK, OK))

    def test_empty_content_with_and_without_both_line_ends(self) -> None:
        """PEERS 2: with both it is right; with one the next frame must not be swallowed."""
        self.called()
        head = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: {id}m\nContent-Type: text/plain\n\n"
        for transaction_id, line_end in (("aaaa1111", "\n"), ("bbbb2222", "")):
            self.send(head.replace("{id}", transaction_id) + f"{line_end}-------{transaction_id}$\n")
        self.assert_received(b"", b"", statuses=(OK, OK))

    def test_names_in_any_case_and_any_blanks(self) -> None:
        """PEERS 3, libmsrp: `Message-id:` without a blank, and a blank before the colon."""
        self.called()
        self.send(
            "MSRP 49fi3d SEND\nTo-Path:{you}\nfrom-path:  {us}\nMessage-id:12339sdqwer\nByte-Range : 1-5/5\n"
            "content-type: text/plain\n\nhello\n-------49fi3d$\n"
        )
        self.assert_received(b"hello")

    def test_headers_in_any_order(self) -> None:
        """PEERS 4: msrplib has Byte-Range before Message-ID, node-lib has it last, after Content-Type."""
        self.called()
        self.send(
            "MSRP 7c5bd8a1f2e30b49 SEND\nTo-Path: {you}\nFrom-Path: {us}\nByte-Range: 1-5/5\nMessage-ID: 83a0c9d1\n"
            "Content-Type: text/plain\n\nhello\n-------7c5bd8a1f2e30b49$\n"
        )
        self.send(
            "MSRP 3kfj20ab SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 3940000000.2k9f\nSuccess-Report: yes\n"
            "Failure-Report: yes\nContent-Type: text/plain\nByte-Range: 1-5/5\n\nagain\n-------3kfj20ab$\n"
        )
        self.send("MSRP x7 SEND\nFrom-Path: {us}\nTo-Path: {you}\nContent-Type: text/plain\n\nlast\n-------x7$\n")
        self.assert_received(b"hello", b"again", b"last", statuses=(OK, OK, OK))

    def test_blank_lines_between_frames(self) -> None:
        """PEERS 5: skipped, as msrplib and node-lib skip them."""
        self.called()
        frame = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nContent-Type: text/plain\n\nhello\n-------{id}$\n"
        self.send("\n\n" + frame.replace("{id}", "aaaa1") + "\n\n\n" + frame.replace("{id}", "aaaa2") + "\n")
        self.assert_received(b"hello", b"hello", statuses=(OK, OK))

    def test_junk_between_frames(self) -> None:
        """PEERS 5, the other half: what is no frame ends the connection, for nothing behind it can be believed."""
        self.called()
        self.send("MSRP aa11 SEND\nTo-Path: {you}\nFrom-Path: {us}\nContent-Type: a/b\n\nhello\n-------aa11$\n")
        self.send("JUNK\n")
        self.assertEqual((self.foreigner.statuses(), self.receiver.contents()), ([OK], [b"hello"]))
        self.assertEqual(self.logged(), [f"unreadable MSRP from tcp:{FOREIGN}:40001: not an MSRP start-line"])
        self.assert_nothing_left()

    def test_lines_that_end_with_lf_alone(self) -> None:
        """PEERS 6: nobody takes them; we neither, and say so once."""
        self.called()
        assert self.foreigner.wire is not None
        text = f"MSRP aa11 SEND\nTo-Path: {self.foreigner.theirs}\nFrom-Path: {self.foreigner.path}\n-------aa11$\n"
        self.foreigner.wire.transport.write(text.encode() * 3)
        self.network.settle(20.0)
        self.assertEqual((self.foreigner.frames, self.foreigner.wire.lost is not None), ([], True))
        self.assertEqual(len(self.logged()), 1)
        self.assert_nothing_left()

    def test_bodies_that_look_like_an_end(self) -> None:
        """PEERS 7: only CRLF, hyphens, the id, a flag and CRLF end a body."""
        self.called()
        body = b"a\r\n-------d93k\r\nb\r\n-------d93kx\r\nc-------d93k$\r\nd\r\n-------d93k$e"
        self.send(
            "MSRP d93k SEND\nTo-Path: {you}\nFrom-Path: {us}\nContent-Type: a/b\n\n{body}\n-------d93k$\n", body=body
        )
        self.assert_received(body)

    def test_a_flag_that_was_lost(self) -> None:
        """PEERS 8: msrplib may write "+" for "$"; octets up to a numeric total make it whole."""
        self.called()
        self.send(
            "MSRP aa11 SEND\nTo-Path: {you}\nFrom-Path: {us}\nByte-Range: 1-5/5\nMessage-ID: m1\n"
            "Content-Type: text/plain\n\nhello\n-------aa11+\n"
        )
        self.assert_received(b"hello")


class Addressing(ReceivingCase):
    """[D-MSRP-1] PEERS 9 to 14."""

    def test_a_peer_that_connects_from_the_port_of_its_path(self) -> None:
        """PEERS 9, node-lib as active side."""
        self.called(NODE_LIB, port=49160)
        self.send("MSRP 2kf9 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 394.2k\n-------2kf9$\n")
        self.send(
            "MSRP 2kg0 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 394.2l\nContent-Type: text/plain\n"
            "Byte-Range: 1-5/5\n\nhello\n-------2kg0$\n"
        )
        self.assert_received(b"hello", statuses=(OK, OK))

    def test_a_port_that_means_nothing(self) -> None:
        """PEERS 10: rcsjta and AOSP announce 9 and may write another one into From-Path; the session-id counts."""
        self.called(AOSP)
        frame = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {from}\nContent-Type: text/plain\n\nhello\n-------{id}$\n"
        self.send(frame.replace("{id}", "aaaa1").replace("{from}", f"msrp://{FOREIGN}:2855/1795344325913;tcp"))
        self.send(frame.replace("{id}", "aaaa2").replace("{from}", "{us}"))
        self.assert_received(b"hello", b"hello", statuses=(OK, OK))

    def test_uris_as_others_spell_them(self) -> None:
        """PEERS 11: upper-case scheme and transport, user part, parameters of their own, base64 in session-ids."""
        self.called(AOSP.replace("/1795344325913;", "/a+b/c=;"))
        ours = self.foreigner.theirs
        for number, (to, from_) in enumerate(
            (
                (ours.replace("msrp:", "MSRP:").replace(";tcp", ";TCP"), self.foreigner.path),
                (ours + ";lr", self.foreigner.path + ";a=b"),
                (ours.replace("//", "//alice@"), self.foreigner.path.replace("//", "//push@")),
                (ours, self.foreigner.path.replace(";tcp", ";xyz")),
            )
        ):
            text = f"MSRP aaaa{number} SEND\nTo-Path: {to}\nFrom-Path: {from_}\nContent-Type: a/b\n\nhello\n-------"
            self.send(f"{text}aaaa{number}$\n")
        self.assert_received(*[b"hello"] * 4, statuses=(OK,) * 4)

    def test_ranges_as_others_write_them(self) -> None:
        """PEERS 12: none, stars, -1 as total, an end that is not that of the body, or beyond the total."""
        self.called()
        ranges = ("", "1-*/*", "1-*/5", "*-5/5", "1-5/-1", "1-3/5", "1-1999424/5", "1-0/*")
        for number, written in enumerate(ranges):
            line = f"Byte-Range: {written}\n" if written else ""
            self.send(
                f"MSRP aaaa{number} SEND\nTo-Path: {{you}}\nFrom-Path: {{us}}\nMessage-ID: m{number}\n{line}"
                f"Content-Type: text/plain\n\nhello\n-------aaaa{number}$\n"
            )
        self.assert_received(*[b"hello"] * len(ranges), statuses=(OK,) * len(ranges))

    def test_one_chunk_without_an_end(self) -> None:
        """PEERS 12 and table 4, msrp-java: all of it in one chunk `1-*/total`, interrupted for a response."""
        octets = bytes(range(256)) * 400
        self.called(file_offer(octets, "image/png"))
        head = (
            "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 5f0c1e9a7b3d48c2\n"
            "Byte-Range: {from}-*/102400\nContent-Type: image/png\n\n{body}\n-------{id}{flag}\n"
        )
        first, second = octets[:70_001], octets[70_001:]
        self.send(head.replace("{id}", "f3a9c0de").replace("{from}", "1").replace("{flag}", "+"), first, 5.0)
        self.send(head.replace("{id}", "f3a9c0df").replace("{from}", "70002").replace("{flag}", "$"), second, 5.0)
        self.assert_received(octets, statuses=(OK, OK))

    def test_definite_chunks_that_a_relay_has_cut(self) -> None:
        """PEERS 35 and msrprelay: a definite range arrives with fewer octets than it says, the rest behind it."""
        self.called(file_offer(b"hello world"))
        head = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nByte-Range: {range}\n"
        body = "Content-Type: text/plain\n\n{octets}\n-------{id}{flag}\n"
        for number, (written, octets, flag) in enumerate((("1-11/11", "hello", "+"), ("6-11/11", " world", "$"))):
            text = (head + body).replace("{id}", f"5d2c{number}").replace("{range}", written)
            self.send(text.replace("{octets}", octets).replace("{flag}", flag))
        self.assert_received(b"hello world", statuses=(OK, OK))

    def test_transaction_ids_of_all_lengths_also_used_twice(self) -> None:
        """PEERS 13: tinyMSRP counts milliseconds, others use one letter or 64, and none is unique."""
        self.called()
        ids = ("1", "1732440000123", "1732440000123", "a" * 64, "2_x@y")
        for transaction_id in ids:
            self.send(
                f"MSRP {transaction_id} SEND\nTo-Path: {{you}}\nFrom-Path: {{us}}\nContent-Type: text/plain\n\nhello\n"
                f"-------{transaction_id}$\n"
            )
        self.assertEqual([frame.head.transaction_id for frame in self.foreigner.frames], list(ids))
        self.assert_received(*[b"hello"] * 5, statuses=(OK,) * 5)

    def test_message_ids_of_any_kind_or_none(self) -> None:
        """PEERS 14: FreeSWITCH's UUIDs have 36 characters, node-lib's a dot, others an "@"."""
        self.called()
        for number, line in enumerate(
            (
                "Message-ID: 9e2b7c1a-54f0-4a61-8d11-0c3f5d2e7a90\n",
                "Message-ID: 3940000000.k2\n",
                "Message-ID: a@b\n",
                "",
            )
        ):
            self.send(
                f"MSRP aaaa{number} SEND\nTo-Path: {{you}}\nFrom-Path: {{us}}\n{line}Content-Type: text/plain\n\n"
                f"hello\n-------aaaa{number}$\n"
            )
        self.assert_received(*[b"hello"] * 4, statuses=(OK,) * 4)

    def test_messages_of_1024_octets_each_of_its_own(self) -> None:
        """Table 4, FreeSWITCH: never chunks, but messages, each `$` with a new UUID and `1-N/N`."""
        self.called()
        for number in range(3):
            self.send(
                f"MSRP 6f1b2c3d4e5f6a7{number} SEND\nTo-Path: {{you}}\nFrom-Path: {{us}}\n"
                f"Message-ID: 9e2b7c1a-54f0-4a61-8d11-0c3f5d2e7a9{number}\nByte-Range: 1-1024/1024\n"
                f"Content-Type: text/plain\n\n{{body}}\n-------6f1b2c3d4e5f6a7{number}$\n",
                body=bytes([65 + number]) * 1024,
            )
        self.assert_received(*(bytes([65 + number]) * 1024 for number in range(3)), statuses=(OK,) * 3)


class Reporting(ReceivingCase):
    """[F-10] PEERS 15 to 20 where we are the one who reports."""

    def test_our_report_is_sent_when_asked_for_and_its_answer_ignored(self) -> None:
        """PEERS 17: rcsjta answers a REPORT `200 OK`, tinyMSRP `200 Report received`."""
        self.called()
        self.send(
            "MSRP 1732440000123 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: 1732440000124\nByte-Range: 1-5/5\n"
            "Success-Report: yes\nContent-Type: text/plain\n\nhello\n-------1732440000123$\n"
        )
        (report,) = self.foreigner.reports()
        self.assertEqual((report.message_id, str(report.byte_range), report.status), ("1732440000124", "1-5/5", 200))
        for words in ("200 OK", "200 Report received"):
            tid = report.transaction_id
            self.send(f"MSRP {tid} {words}\nTo-Path: {{you}}\nFrom-Path: {{us}}\n-------{tid}$\n")
        self.assert_received(b"hello")

    def test_no_report_that_nobody_asked_for(self) -> None:
        """PEERS 20: rcsjta takes every REPORT for an error. An explicit Failure-Report: yes changes nothing."""
        self.called()
        self.send(
            "MSRP aa11 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nFailure-Report: yes\n"
            "Content-Type: text/plain\n\nhello\n-------aa11$\n"
        )
        self.assertEqual(self.foreigner.reports(), [])
        self.assert_received(b"hello")

    def test_a_report_is_never_answered(self) -> None:
        """PEERS 17: msrp-java drops the connection over a reply that it does not wait for."""
        self.called()
        self.send("MSRP aa10 SEND\nTo-Path: {you}\nFrom-Path: {us}\n-------aa10$\n")
        for line in ("Status: 000 200 OK", "Status: 000 481", "Status: nonsense"):
            text = f"MSRP aa11 REPORT\nTo-Path: {{you}}\nFrom-Path: {{us}}\n{line}\nByte-Range: 1-5/5\n"
            self.send(f"{text}Message-ID: unknown\n-------aa11$\n")
        self.assert_received(statuses=(OK,))


class Sessions(ReceivingCase):
    """PEERS 22 to 28: what comes beside contents."""

    def test_opening_sends(self) -> None:
        """PEERS 26: with and without a Byte-Range, in any role, at any time, and with data in it at once."""
        self.called()
        self.send("MSRP a101 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: o1\nByte-Range: 1-0/0\n-------a101$\n")
        self.send("MSRP a102 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: o2\n-------a102$\n")
        self.send("MSRP a103 SEND\nTo-Path: {you}\nFrom-Path: {us}\nContent-Type: text/plain\n\nhello\n-------a103$\n")
        self.send("MSRP a104 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: o4\n-------a104$\n")
        self.assert_received(b"hello", statuses=(OK,) * 4)

    def test_keep_alives_are_answered_and_not_handed_on(self) -> None:
        """[D-SDP-3] PEERS 27: msrplib's header, msrp-java's empty SEND, node-lib's heartbeat of a real type."""
        self.called(NODE_LIB)
        self.send("MSRP a101 SEND\nTo-Path: {you}\nFrom-Path: {us}\nKeep-Alive: yes\nMessage-ID: k1\n-------a101$\n")
        self.send("MSRP a102 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: k2\n-------a102$\n")
        for beat in range(3):
            self.send(
                f"MSRP b00{beat} SEND\nTo-Path: {{you}}\nFrom-Path: {{us}}\nMessage-ID: h{beat}\nSuccess-Report: yes\n"
                "Failure-Report: yes\nContent-Type: text/x-msrp-heartbeat\nByte-Range: 1-9/9\n\nHEARTBEAT\n"
                f"-------b00{beat}$\n",
                settle=5.0,
            )
        self.assertEqual(self.foreigner.reports(), [])
        self.assert_received(statuses=(OK,) * 5)

    def test_heartbeats_between_the_chunks_of_a_file(self) -> None:
        """PEERS 27: node-lib's timer does not wait for the file."""
        self.called(file_offer(b"hello world"))
        chunk = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nContent-Type: text/plain\n"
        self.send(chunk.replace("{id}", "c001") + "Byte-Range: 1-5/11\n\nhello\n-------c001+\n")
        self.send(
            "MSRP h001 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: h1\nContent-Type: text/x-msrp-heartbeat\n\n"
            "HEARTBEAT\n-------h001$\n"
        )
        self.send(chunk.replace("{id}", "c002") + "Byte-Range: 6-11/11\n\n world\n-------c002$\n")
        self.assert_received(b"hello world", statuses=(OK,) * 3)

    def test_a_peer_that_stalls_for_half_a_minute(self) -> None:
        """PEERS 24 and 25: rcsjta misses a reply that came too fast, waits 30 s, and goes on."""
        self.called(file_offer(b"hello world"))
        self.send("MSRP a101 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: o1\n-------a101$\n", settle=30.5)
        chunk = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nContent-Type: text/plain\n"
        self.send(chunk.replace("{id}", "c001") + "Byte-Range: 1-5/11\n\nhello\n-------c001+\n", settle=30.5)
        self.send(chunk.replace("{id}", "c002") + "Byte-Range: 6-11/11\n\n world\n-------c002$\n")
        self.assert_received(b"hello world", statuses=(OK,) * 3)

    def test_methods_of_others(self) -> None:
        """[D-MSRP-3] PEERS 28: sipsimple's FILE_OFFSET, RFC 7701's NICKNAME, AUTH: 501; contents come all the same."""
        self.called()
        self.send("MSRP a101 FILE_OFFSET\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: f1\nOffset: 0\n-------a101$\n")
        self.send('MSRP a102 NICKNAME\nTo-Path: {you}\nFrom-Path: {us}\nUse-Nickname: "x"\n-------a102$\n')
        self.send("MSRP a103 AUTH\nTo-Path: {you}\nFrom-Path: {us}\n-------a103$\n")
        self.send("MSRP a104 SEND\nTo-Path: {you}\nFrom-Path: {us}\nContent-Type: text/plain\n\nhello\n-------a104$\n")
        self.assertEqual(self.foreigner.statuses(), [501, 501, 501, OK])
        self.assertEqual(self.receiver.contents(), [b"hello"])
        self.foreigner.hang_up()
        self.assert_nothing_left()

    def test_octets_that_a_peer_has_mangled(self) -> None:
        """[D-MSRP-4] PEERS 30: node-lib decodes binary as UTF-8, so 3000 octets become 5433: nobody gets that file."""
        octets = bytes(range(256)) * 4
        self.called(file_offer(octets, "image/png"))
        mangled = octets.decode("latin-1").encode()
        self.send(
            "MSRP a101 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nContent-Type: image/png\n"
            "Byte-Range: 1-1024/1024\n\n{body}\n-------a101$\n",
            body=mangled,
        )
        self.assertEqual((self.foreigner.statuses(), self.receiver.contents()), ([413], []))
        self.assert_nothing_left()


class Ending(ReceivingCase):
    """[F-15] PEERS 31 to 33."""

    def test_an_abort(self) -> None:
        """PEERS 31, msrp-java on a local abort: `#`; 200, and nothing stays."""
        self.called(file_offer(b"hello world"))
        chunk = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nByte-Range: {range}/11\n"
        body = "Content-Type: text/plain\n\n{octets}\n-------{id}{flag}\n"
        for tid, written, octets, flag in (("a101", "1-*", "hello", "+"), ("a102", "6-*", "", "#")):
            text = (chunk + body).replace("{id}", tid).replace("{range}", written)
            self.send(text.replace("{octets}", octets).replace("{flag}", flag))
        self.assertEqual(self.foreigner.statuses(), [OK, OK])
        self.assertEqual(self.logged(), ["content declined: given up by its sender"])
        self.foreigner.hang_up()
        self.assertEqual(self.receiver.contents(), [])
        self.assert_nothing_left()

    def test_a_peer_that_goes_on_after_a_413(self) -> None:
        """[D-MSRP-3] PEERS 32: tinyMSRP, node-lib and rcsjta send everything all the same: it is passed over."""
        self.called(max_size=100)
        chunk = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nByte-Range: {from}-*/*\n"
        body = "Content-Type: text/plain\n\n{body}\n-------{id}+\n"
        for number in range(30):
            text = (chunk + body).replace("{id}", f"a{number:03}").replace("{from}", str(1 + number * 64))
            self.send(text, b"x" * 64, settle=0.05)
        self.network.settle(1.0)
        self.assertEqual(self.foreigner.statuses()[:3], [OK, 413, 413])
        self.assertEqual(self.logged()[:1], ["content declined: larger than agreed"])
        self.assertEqual(self.receiver.contents(), [])
        self.foreigner.hang_up()
        self.assert_nothing_left()

    def test_a_file_that_goes_on_after_a_413(self) -> None:
        """PEERS 32, the same with a file: the receiver re-INVITEs at once, and hangs up when nothing follows."""
        self.called(file_offer(b"x" * 100))
        self.foreigner.describe = lambda offer: file_offer(b"x" * 100).replace("m=message 9", "m=message 0")
        chunk = "MSRP {id} SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nByte-Range: {from}-*/*\n"
        body = "Content-Type: text/plain\n\n{body}\n-------{id}+\n"
        for number in range(30):
            text = (chunk + body).replace("{id}", f"a{number:03}").replace("{from}", str(1 + number * 64))
            self.send(text, b"x" * 64, settle=0.02)
        self.network.settle(2.0)
        (again,) = self.foreigner.requests("INVITE")
        self.assertIn("m=message 0 TCP/MSRP *", again.body.decode())
        self.assertEqual(set(self.foreigner.statuses()), {OK, 413, 481})
        self.assertEqual(self.foreigner.requests("BYE"), [])
        self.network.settle(31.0)
        self.assertEqual(len(self.foreigner.requests("BYE")), 1)
        self.assert_nothing_left()

    def test_a_file_that_comes_again_because_its_last_reply_was_lost(self) -> None:
        """[D-MSRP-1] E.9 rule 6: over a new session, under the same ids: acknowledged, and in the inbox once."""
        self.called(file_offer(b"hello"))
        text = "MSRP a101 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nByte-Range: 1-*/5\n"
        for _ in range(2):
            self.send(text + "Content-Type: text/plain\n\nhello\n-------a101$\n")
            assert self.foreigner.wire is not None
            self.foreigner.wire.transport.abortConnection()
            self.network.settle(1.0)
            self.foreigner.hang_up()
            self.assertEqual(self.foreigner.invite(TO_ALICE, file_offer(b"hello")).status, OK)
            self.foreigner.connect()
        self.assertEqual((self.foreigner.statuses(), self.receiver.contents()), ([OK, OK], [b"hello"]))
        self.foreigner.hang_up()
        self.assert_nothing_left()

    def test_a_connection_that_ends_without_a_word(self) -> None:
        """PEERS 33: what is complete counts, however the connection ended; what is not, leaves nothing."""
        for complete in (True, False):
            self.setUp()
            self.called(file_offer(b"hello world"))
            text = "MSRP a101 SEND\nTo-Path: {you}\nFrom-Path: {us}\nMessage-ID: m1\nByte-Range: 1-*/11\n"
            self.send(text + f"Content-Type: text/plain\n\nhello{' world' if complete else ''}\n-------a101+\n")
            assert self.foreigner.wire is not None
            self.foreigner.wire.transport.abortConnection()
            self.network.settle(1.0)
            self.assertEqual(self.receiver.contents(), [b"hello world"] if complete else [])
            self.assert_nothing_left()
