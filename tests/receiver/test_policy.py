from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import Action, Rule
from pushsvc.config.values import Octets, Seconds
from pushsvc.receiver.policy import Caller, Cause, FileAsked, FileVerdict, Policy, Refuse, Take, _UriGlob
from pushsvc.sdp import media, parse

MIB = 1 << 20
CALLER = Caller("sip:push@example.com", asserted=True)
PICTURE = FileAsked("t1", "gate.jpg", "image/jpeg", MIB)
TEXT = FileAsked("t2", "notice.txt", "text/plain", 62)
HUGE = FileAsked("t3", "film.mp4", "image/mp4", 900 * MIB)
WARN_TYPES = (305, "Incompatible media format")


class Answers:
    """Somebody who is asked, and answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[FileAsked, ...], float]] = []
        self.answer: Deferred[list[bool]] = Deferred()

    def ask(self, caller: Caller, files: Sequence[FileAsked], timeout: float) -> Deferred[list[bool]]:
        self.asked.append((tuple(files), timeout))
        return self.answer


class PolicyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.answers = Answers()

    def judge(self, *files: FileAsked, caller: Caller = CALLER, rules: Sequence[Rule] = (), **options: Any) -> Any:
        settled = {"allow": (), "types": ("*",), "max_size": 1 << 30, "free_min": 100 * MIB, "free": lambda: 1 << 40}
        policy = Policy(rules=rules, decisions=self.answers, **{**settled, **options})
        return policy.judge(caller, files)

    def causes(self, verdict: object) -> list[Cause | None]:
        assert isinstance(verdict, Take), verdict
        return [file.cause for file in verdict.files]


class Bounds(PolicyCase):
    """[accept]: what holds before any rule."""

    def test_without_rules_everything_within_the_bounds_is_taken(self) -> None:
        """No input configured means that types and sizes decide alone. [R-PRA-INV-4a]"""
        self.assertEqual(self.judge(PICTURE), Take((FileVerdict(None, 1 << 30, (("*",), ("image/jpeg",))),)))

    def test_what_comes_must_be_of_the_type_that_was_offered(self) -> None:
        """[D-MSRP-4] A program under the name of a picture; where nobody named a type, the bounds are all there is."""
        for file, taken in ((PICTURE, 2), (FileAsked(None, "", "", None), 3)):
            (verdict,) = self.judge(file).files
            types = ("IMAGE/jpeg; x=y", "image/jpeg", "application/x-sh")
            self.assertEqual([verdict.accepts(type) for type in types].count(True), taken)

    def test_a_sender_that_is_not_on_the_list_is_forbidden(self) -> None:
        """[R-PRA-INV-2b] [R-INF-1] [F-18] INVITE from a sender not on the allow list: 403."""
        verdict = self.judge(PICTURE, allow=("sip:*@example.net",))
        self.assertEqual(verdict, Refuse(403, "Forbidden", Cause.SENDER))
        self.assertEqual(self.causes(self.judge(PICTURE, allow=("sip:x@y", "sip:*@example.com"))), [None])

    def test_types_that_are_not_wanted_are_not_acceptable_here(self) -> None:
        """[R-PRA-INV-1] nothing acceptable: 488, with the reason as a warning."""
        verdict = self.judge(PICTURE, TEXT, types=("video/*",))
        self.assertEqual(verdict, Refuse(488, "Not Acceptable Here", Cause.TYPE, warning=WARN_TYPES))

    def test_types_are_compared_without_case_and_parameters(self) -> None:
        """[R-PRA-INV-1] `TEXT/Plain;charset=UTF-8` is text/plain."""
        file = FileAsked("t", "n", "TEXT/Plain;charset=UTF-8", 1)
        self.assertEqual(self.causes(self.judge(file, types=("text/plain",))), [None])

    def test_files_that_are_too_large_are_not_acceptable_here(self) -> None:
        verdict = self.judge(PICTURE, max_size=1000)
        self.assertEqual(verdict, Refuse(488, "Not Acceptable Here", Cause.SIZE, warning=(399, "File too large")))

    def test_one_file_of_several_is_left_out(self) -> None:
        """Three files, the second is refused: x, 0, x in the same order. [R-PRA-INV-4a]"""
        verdict = self.judge(PICTURE, TEXT, PICTURE, types=("image/*",))
        self.assertEqual(self.causes(verdict), [None, Cause.TYPE, None])

    def test_a_full_disk_says_later(self) -> None:
        """480, so that a sender comes again when somebody has made room."""
        verdict = self.judge(PICTURE, free=lambda: 100 * MIB)
        self.assertEqual((verdict.status, verdict.cause, verdict.retry_after), (480, Cause.SPACE, 300))
        self.assertEqual(self.causes(self.judge(PICTURE, free=lambda: 101 * MIB)), [None])

    def test_a_disk_that_takes_nothing_for_now_says_soon(self) -> None:
        """An error of a moment does not keep every push away for five minutes."""
        verdict = self.judge(PICTURE, free=lambda: None)
        self.assertEqual((verdict.status, verdict.cause, verdict.retry_after), (480, Cause.SPACE, 10))

    def test_a_file_that_is_left_out_needs_no_room(self) -> None:
        verdict = self.judge(PICTURE, HUGE, free=lambda: 200 * MIB, max_size=10 * MIB)
        self.assertEqual(self.causes(verdict), [None, Cause.SIZE])

    def test_a_file_of_unknown_size_is_bounded_on_its_way(self) -> None:
        verdict = self.judge(FileAsked(None, "", "image/png", None), max_size=1000)
        self.assertEqual(verdict.files[0].max_size, 1000)


class Rules(PolicyCase):
    """[[rule]]: the first that matches decides."""

    def test_the_first_rule_that_matches_decides(self) -> None:
        rules = (
            Rule(action=Action.DECLINE, name="*.txt"),
            Rule(action=Action.ACCEPT, types=("image/*",), max_size=Octets(10 * MIB)),
            Rule(action=Action.DECLINE),
        )
        self.assertEqual(self.causes(self.judge(PICTURE, TEXT, HUGE, rules=rules)), [None, Cause.POLICY, Cause.POLICY])

    def test_no_match_among_rules_declines(self) -> None:
        """603: refused by the operator's word, not for what it is. [R-PRA-INV-4a]"""
        rules = (Rule(action=Action.ACCEPT, from_="sip:*@example.net"),)
        self.assertEqual(self.judge(PICTURE, rules=rules), Refuse(603, "Decline", Cause.POLICY))

    def test_a_mixture_of_reasons_is_a_decline(self) -> None:
        rules = (Rule(action=Action.DECLINE, name="gate*"), Rule(action=Action.ACCEPT))
        self.assertEqual(self.judge(PICTURE, TEXT, rules=rules, types=("image/*",)).status, 603)

    def test_a_rule_bounds_what_comes(self) -> None:
        """A peer that offers a picture must not send a program, nor more than the rule allows."""
        rules = (Rule(action=Action.ACCEPT, types=("image/*",), max_size=Octets(1000)),)
        (file,) = self.judge(FileAsked(None, "", "image/png", None), rules=rules, types=("image/png", "text/*")).files
        self.assertEqual(file.max_size, 1000)
        self.assertEqual(
            [file.accepts(type) for type in ("image/png", "image/jpeg", "text/plain", "IMAGE/PNG;x=y")],
            [True, False, False, True],
        )

    def test_a_file_that_is_left_out_accepts_nothing(self) -> None:
        self.assertFalse(FileVerdict(Cause.TYPE).accepts("text/plain"))

    def test_names_are_compared_without_case(self) -> None:
        rules = (Rule(action=Action.ACCEPT, name="GATE?J*"),)
        self.assertEqual(self.causes(self.judge(PICTURE, rules=rules)), [None])


class Asking(PolicyCase):
    """Rules that leave it to somebody."""

    RULES = (
        Rule(action=Action.ASK, types=("image/*",), timeout=Seconds(20.0)),
        Rule(action=Action.ASK, name="*.mp4", timeout=Seconds(10.0)),
        Rule(action=Action.ACCEPT),
    )

    def test_only_what_a_rule_asks_about_is_asked(self) -> None:
        verdict = self.judge(PICTURE, TEXT, rules=self.RULES)
        self.assertEqual(self.answers.asked, [((PICTURE,), 20.0)])
        self.answers.answer.callback([False])
        self.assertEqual(self.causes(self.successResultOf(verdict)), [Cause.POLICY, None])

    def test_a_yes_takes_it(self) -> None:
        verdict = self.judge(PICTURE, rules=self.RULES)
        self.answers.answer.callback([True])
        self.assertEqual(self.causes(self.successResultOf(verdict)), [None])

    def test_a_no_or_no_answer_declines(self) -> None:
        """Hook timeout: 603. [R-PRA-INV-4a]"""
        verdict = self.judge(PICTURE, rules=self.RULES)
        self.answers.answer.callback([False])
        self.assertEqual(self.successResultOf(verdict), Refuse(603, "Decline", Cause.POLICY))

    def test_nobody_is_asked_about_what_cannot_come_in(self) -> None:
        self.judge(PICTURE, TEXT, rules=self.RULES, types=("text/*",))
        self.judge(PICTURE, rules=self.RULES, allow=("sip:nobody@example.com",))
        self.assertEqual(self.answers.asked, [])

    def test_the_room_is_measured_after_the_answer(self) -> None:
        free = [1 << 40]
        verdict = self.judge(PICTURE, rules=self.RULES, free=lambda: free[0])
        free[0] = 0
        self.answers.answer.callback([True])
        self.assertEqual(self.successResultOf(verdict).status, 480)

    def test_a_caller_that_gives_up_withdraws_the_question(self) -> None:
        verdict = self.judge(PICTURE, rules=self.RULES)
        verdict.cancel()
        self.failureResultOf(verdict)
        self.assertTrue(self.answers.answer.called)


class Lines(PolicyCase):
    """Files as media lines offer them."""

    OFFER = (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "m=message 2855 TCP/TLS/MSRP *\r\na=sendonly\r\na=path:msrps://192.0.2.1:2855/a;tcp\r\na=setup:active\r\n"
    )

    def file(self, *attributes: str) -> FileAsked:
        (line,) = media(parse((self.OFFER + "".join(f"a={text}\r\n" for text in attributes)).encode()))
        return FileAsked.of_line(line)

    def test_a_selector_names_the_file(self) -> None:
        file = self.file(
            "accept-types:*", 'file-selector:name:"../a.jpg" type:image/jpeg size:62', "file-transfer-id:x1",
        )  # fmt: skip
        self.assertEqual((file.transfer_id, file.type, file.size), ("x1", "image/jpeg", 62))
        self.assertNotIn("/", file.name)
        self.assertEqual(self.causes(self.judge(file, types=("image/*",))), [None])
        self.assertEqual(self.judge(file, types=("text/*",)).status, 488)

    def test_a_line_without_a_selector_may_bring_any_of_its_types(self) -> None:
        """[R-PRA-INV-1] (c) `a=accept-types:*` goes on, (a) an unknown type does not."""
        self.assertEqual(self.causes(self.judge(self.file("accept-types:*"), types=("text/*",))), [None])
        self.assertEqual(self.judge(self.file("accept-types:application/x-unknown"), types=("text/*",)).status, 488)

    def test_a_container_is_judged_by_what_it_wraps(self) -> None:
        """[R-PRA-INV-1] (e) message/cpim with a wrapped type that nobody wants: 488."""
        file = self.file("accept-types:message/cpim", "accept-wrapped-types:application/x-unknown")
        self.assertEqual(self.judge(file, types=("text/*",)).status, 488)


class Globs(SynchronousTestCase):
    """Patterns over URIs; what an attacker writes into a user part must not count as a host."""

    def matches(self, glob: str, uri: str) -> bool:
        return _UriGlob(glob).matches(uri)

    def test_stars_match_within_their_side_of_the_at(self) -> None:
        self.assertTrue(self.matches("sip:*@example.com", "sip:alice@example.com"))
        self.assertFalse(self.matches("sip:*@example.com", "sip:alice@example.com.evil.example"))
        self.assertFalse(self.matches("sip:boss@*", "sip:boss%40example.com@evil.example"))
        self.assertFalse(self.matches("sip:*@example.com", "sip:a%40example.com@evil.example"))
        self.assertFalse(self.matches("sip:*@example.com", "sip:mallory@evil.example;x=@example.com"))

    def test_host_and_scheme_have_no_case_and_the_user_has(self) -> None:
        self.assertTrue(self.matches("SIP:Alice@EXAMPLE.com", "sip:Alice@Example.COM"))
        self.assertFalse(self.matches("sip:alice@example.com", "sip:Alice@example.com"))

    def test_parameters_passwords_and_escapes_do_not_matter(self) -> None:
        self.assertTrue(self.matches("sip:alice@example.com", "sip:%61lice:secret@example.com;transport=tcp?a=b"))

    def test_a_port_is_part_of_the_address(self) -> None:
        self.assertFalse(self.matches("sip:*@example.com", "sip:a@example.com:5080"))
        self.assertTrue(self.matches("sip:*@example.com:*", "sip:a@example.com:5080"))

    def test_brackets_are_brackets(self) -> None:
        self.assertTrue(self.matches("sip:*@[::1]", "sip:a@[::1]"))
        self.assertFalse(self.matches("sip:*@[::1]", "sip:a@1"))

    def test_other_uris_are_matched_whole(self) -> None:
        self.assertTrue(self.matches("tel:+49*", "tel:+4930123"))
        self.assertTrue(self.matches("*", "tel:+4930123"))
        self.assertTrue(self.matches("*", "sip:a@b"))
        self.assertFalse(self.matches("sip:*@example.com", "not a uri@example.com"))

    def test_a_question_mark_is_one_letter(self) -> None:
        self.assertTrue(self.matches("sip:a?@b", "sip:ab@b"))
        self.assertFalse(self.matches("sip:a?@b", "sip:a@b"))

    def test_many_stars_take_no_time(self) -> None:
        """A pattern that tried every split would take longer than anybody lives."""
        self.assertFalse(self.matches("sip:" + "*a" * 30 + "@b", "sip:" + "a" * 29 + "b" * 2000 + "@b"))

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
    def test_a_glob_matches_what_its_definition_says(self, glob: str, text: str) -> None:
        def defined(glob: str, text: str) -> bool:
            if not glob:
                return not text
            if glob[0] == "*":
                return any(defined(glob[1:], text[index:]) for index in range(len(text) + 1))
            return bool(text) and glob[0] in ("?", text[0]) and defined(glob[1:], text[1:])

        self.assertEqual(self.matches(f"tel:{glob}", f"tel:{text}"), defined(glob, text))
