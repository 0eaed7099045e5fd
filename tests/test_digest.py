"""Challenges and their answers, by the examples of the RFCs and of the specification."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.digest import Account, Answer, Challenge, answers_in, directives_in, secret_of
from pushsvc.sip.challenges import MAX_CHALLENGES, challenges_of
from pushsvc.sip.codec import parse
from pushsvc.sip.credentials import credentials_of
from pushsvc.sip.headers import is_sendable
from pushsvc.sip.message import Request, Response
from tests.sip.strategies import modest
from tests.sip.values import make_request, make_response

FLOW = Path(__file__).parent / "wire" / "flow14"
MUFASA = Account("Mufasa", "Circle of Life")
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def challenged(*values: str, status: int = 401, name: str = "WWW-Authenticate") -> Response:
    """A 401 with these challenges, each in a field of its own."""
    return make_response(make_request(), status, headers=[(name, value) for value in values])


def read(*values: str) -> list[Challenge]:
    return challenges_of(challenged(*values))


def rfc7616(algorithm: str) -> Challenge:
    """The challenge of RFC 7616 §3.9.1."""
    (challenge,) = read(
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    return challenge


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def response_in(answer: str) -> str:
    return answer.partition('response="')[2].partition('"')[0]


class Answers(SynchronousTestCase):
    """What is computed, compared with what others computed."""

    def test_the_examples_of_rfc_7616(self) -> None:
        """[D-SIP-9] [R-PSA-200-5] MD5 and SHA-256, and everything else in the header."""
        expected = {
            "MD5": "8ca523f5e9506fed4657c9700eebdbec",
            "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        }
        for algorithm, response in expected.items():
            self.assertEqual(
                rfc7616(algorithm).answer(MUFASA, "GET", "/dir/index.html", CNONCE, 1),
                'Digest username="Mufasa", realm="http-auth@example.org", '
                'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", '
                f'algorithm={algorithm}, response="{response}", qop=auth, nc=00000001, cnonce="{CNONCE}", '
                'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
            )

    def test_a_name_that_is_not_ascii_and_sha_512_256(self) -> None:
        """[D-SIP-9] RFC 7616 §3.9.2, with the value of its erratum 4897: SHA-512/256 is not a shortened SHA-512."""
        nonce = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"
        (challenge,) = read(f'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="{nonce}"')
        account = Account("J\xe4s\xf8n Doe", "Secret, or not?")
        answer = challenge.answer(account, "GET", "/doe.json", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", 1)
        self.assertEqual(response_in(answer), "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")

    def test_a_server_that_knows_no_qop(self) -> None:
        """[D-SIP-9] RFC 2069: no cnonce and no count."""
        (challenge,) = read('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
        answer = challenge.answer(Account("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", "x", 1)
        self.assertEqual(response_in(answer), "670fd8c2df070c60b045671b8b24ff02")
        for name in ("qop", "cnonce", "nc=", "algorithm", "opaque"):
            self.assertNotIn(name, answer)

    def test_a_session_key_is_of_one_nonce(self) -> None:
        """[D-SIP-9] RFC 7616 §3.4.2: what the password is hashed with, once for all requests with this nonce."""
        challenge = rfc7616("MD5-sess")
        secret = md5(f"{md5('Mufasa:http-auth@example.org:Circle of Life')}:{challenge.nonce}:{CNONCE}")
        for count in (1, 2):
            answer = challenge.answer(MUFASA, "GET", "/dir/index.html", CNONCE, count)
            guarded = f"{secret}:{challenge.nonce}:{count:08x}:{CNONCE}:auth:{md5('GET:/dir/index.html')}"
            self.assertEqual(response_in(answer), md5(guarded))
            self.assertIn("algorithm=MD5-sess", answer)

    def test_the_octets_of_the_specification(self) -> None:
        """[D-SIP-9] [F-18] Flow 14: REGISTER, INVITE and BYE, where the topmost of two challenges was answered."""
        sender, receiver = Account("push-sender", "send-secret"), Account("device1", "recv-secret")
        registering = self.message("02", Response), self.message("03", Request), receiver, "kLXbNpJPxgsx", 1
        inviting = self.message("06", Response), self.message("08", Request), sender, "VSsgg42A6u6b", 1
        hanging_up = self.message("06", Response), self.message("17", Request), sender, "VSsgg42A6u6b", 2
        for response, request, account, cnonce, count in (registering, inviting, hanging_up):
            challenge = challenges_of(response)[0]
            answer = challenge.answer(account, request.method, str(request.uri), cnonce, count)
            self.assertEqual([(challenge.header, answer)], credentials_of(request))

    def test_a_server_that_knows_the_password_proves_it(self) -> None:
        """RFC 7616 §3.5, with the values of the exchange with an MSRP relay in the specification (E.13)."""
        (challenge,) = read('Digest realm="relay.example.com", nonce="K82hB8Q5RbJkEcXSgawYFZUF", qop="auth"')
        account, uri = Account("device1", "relay-secret"), "msrps://device1@relay.example.com:2855;tcp"
        answer = challenge.answer(account, "AUTH", uri, "XLeduj94TH9S", 1)
        self.assertEqual(response_in(answer), "d61d22782ef80ae59e59c68ade540f76")
        self.assertEqual(challenge.proof(account, uri, "XLeduj94TH9S", 1), "32caa126fe6e06576e2bf8e1e856457e")
        without = challenge.answer(account, "AUTH", uri, "XLeduj94TH9S", 1, with_uri=False)
        self.assertEqual(without, answer.replace(f'uri="{uri}", ', ""))

    def test_a_server_reads_and_checks_the_same(self) -> None:
        """[F-18] RFC 7616 §3.9, by the RFC's own values."""
        for algorithm in ("MD5", "SHA-256"):
            value = rfc7616(algorithm).answer(MUFASA, "GET", "/dir/index.html", CNONCE, 1)
            (directives,) = answers_in([value])
            answer = Answer.read(directives)
            assert isinstance(answer, Answer)
            self.assertEqual((answer.user, answer.uri, answer.count), ("Mufasa", "/dir/index.html", 1))
            secret = secret_of(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
            self.assertTrue(answer.is_right(secret, "GET"))
            self.assertFalse(answer.is_right(secret, "POST"))
            self.assertFalse(answer.is_right(secret[::-1], "GET"))

    def test_directives_without_a_scheme(self) -> None:
        """As Authentication-Info has them."""
        expected = {"rspauth": "3,2", "cnonce": "a", "nc": "00000001"}
        self.assertEqual(directives_in('rspauth="3,2", cnonce=a, ==, nc=00000001'), expected)

    def test_what_is_quoted_is_quoted_again(self) -> None:
        """A quote in a realm ends no header of ours early."""
        (challenge,) = read(r'Digest realm="a \"b\" \\", nonce="n", opaque=""')
        self.assertEqual((challenge.realm, challenge.opaque), ('a "b" \\', ""))
        answer = challenge.answer(Account('me"', "x"), "BYE", "sip:bob@192.0.2.2", "c", 1)
        self.assertIn(r'username="me\"", realm="a \"b\" \\", nonce="n"', answer)
        self.assertTrue(answer.endswith(', opaque=""'))

    def message(self, number: str, kind: type) -> object:
        """One message of the flow."""
        (path,) = FLOW.glob(f"{number}-*.bin")
        message = parse(path.read_bytes())
        self.assertIsInstance(message, kind)
        return message


class Reading(SynchronousTestCase):
    """What comes in headers of others."""

    def test_one_field_or_several(self) -> None:
        """[D-SIP-9] RFC 8760 has a field for each; RFC 9110 allows one for all."""
        first = 'Digest realm="a, b", nonce="1", algorithm=SHA-256, qop="auth"'
        second = 'Digest realm=two ,nonce = "2" , stale=TRUE, qop=auth'
        expected = [
            Challenge("Authorization", "a, b", "1", "SHA-256", ("auth",)),
            Challenge("Authorization", "two", "2", qop=("auth",), stale=True),
        ]
        self.assertEqual(read(first, second), expected)
        self.assertEqual(read(f"{first}, {second}"), expected)
        self.assertEqual(read(f"Negotiate, {first}, Basic realm=x, {second}"), expected)

    def test_servers_and_proxies(self) -> None:
        """[D-SIP-9] A forking proxy passes on both kinds in one response (RFC 3261 §16.7)."""
        response = challenged('Digest realm="p", nonce="1"', status=407, name="Proxy-Authenticate")
        both = response.evolve(headers=response.headers.added("WWW-Authenticate", 'digest realm="s", nonce="2"'))
        self.assertEqual(
            [(each.header, each.realm) for each in challenges_of(both)],
            [("Authorization", "s"), ("Proxy-Authorization", "p")],
        )

    def test_which_are_supported(self) -> None:
        """[D-SIP-9] `auth-int` is not, nor what nobody knows."""
        head = 'Digest realm="r", nonce="n"'
        supported = ("", ", algorithm=md5", ", algorithm=SHA-512-256", ', algorithm="SHA-256"', ', qop="auth-int,AUTH"',
                     ', qop=""', ', algorithm=SHA-256-sess, qop="auth"')  # fmt: skip
        not_supported = (", algorithm=AKAv1-MD5", ', qop="auth-int"', ", algorithm=MD5-sess", ", algorithm=SHA-1")
        for rest, known in [*((each, True) for each in supported), *((each, False) for each in not_supported)]:
            (challenge,) = read(head + rest)
            self.assertIs(challenge.is_supported, known, rest)

    def test_what_cannot_be_read_is_passed_over(self) -> None:
        """[D-SIP-9] And takes nothing with it."""
        good = 'Digest realm="r", nonce="n"'
        for bad in (
            "", "Digest", 'Digest realm="r"', 'Digest nonce="n"', 'Digest realm="r", nonce="n', "Digest realm, nonce",
            'Digest realm="r", realm="s", nonce="n"', 'Digest realm="r"; nonce="n"', 'Digest realm="r", nonce="n", ==',
            'Basic realm="r", nonce="n"', 'realm="r", nonce="n"', "\udcff\udcfe", "Digest " + "," * 500,
        ):  # fmt: skip
            self.assertEqual(read(bad), [], bad)
            self.assertEqual(read(bad, good), read(good), bad)

    def test_no_more_than_somebody_could_mean(self) -> None:
        """Each one answered makes our request longer."""
        many = [f'Digest realm="{index}", nonce="n"' for index in range(MAX_CHALLENGES + 1)]
        self.assertEqual(len(read(*many)), MAX_CHALLENGES)

    @modest
    @given(st.text(st.sampled_from('Digest realm="nonce\\,=; \t\xe9\udc80<>')))
    def test_whatever_comes_can_be_answered_or_not_but_never_breaks(self, text: str) -> None:
        for value in (text, f'Digest realm="{text}", nonce="{text}"'):
            for challenge in read(value):
                answer = challenge.answer(Account("me", "x"), "BYE", "sip:bob@192.0.2.2", "c", 1)
                self.assertTrue(is_sendable(answer))


class Accounts(SynchronousTestCase):
    def test_an_account_does_not_tell_its_password(self) -> None:
        """[F-18] Whatever prints one."""
        self.assertNotIn("Life", repr(MUFASA))
