from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.tokens import MAX_FILE, BearerTokens, read_tokens
from pushsvc.errors import ConfigErrors

GOOD = hashlib.sha256(b"secret").hexdigest()


class TokenFiles(SynchronousTestCase):
    def write(self, text: str, mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def mistakes(self, text: str, mode: int = 0o600) -> list[str]:
        path = self.write(text, mode)
        errors = self.assertRaises(ConfigErrors, read_tokens, path).errors
        return [f"{error.where.removeprefix(path)} {error.what}" for error in errors]

    def test_a_file_of_tokens_is_read(self) -> None:
        text = f"# who may\n\nci:write,read:{GOOD}\r\nprometheus:metrics:{GOOD.upper()[::-1]}\n"
        found = [(token.name, sorted(token.scopes)) for token in read_tokens(self.write(text)).tokens]
        self.assertEqual(found, [("ci", ["read", "write"]), ("prometheus", ["metrics"])])

    def test_a_token_is_found_by_its_secret_only(self) -> None:
        """The file holds hashes: who reads it cannot use the API."""
        tokens = read_tokens(self.write(f"ci:read:{GOOD}"))
        holder = tokens.holder(b"secret")
        assert holder is not None
        self.assertEqual((holder.name, holder.allows("read"), holder.allows("write")), ("ci", True, False))
        self.assertEqual(tokens.holder(GOOD.encode()), None)
        self.assertEqual(tokens.holder(b""), None)
        self.assertEqual(BearerTokens(()).holder(b"secret"), None)

    def test_the_time_of_a_comparison_tells_nothing(self) -> None:
        """All are compared, and each digest as a whole: neither which token it is nor how much of it is right shows."""
        compared: list[tuple[bytes, bytes]] = []
        self.patch(hmac, "compare_digest", lambda one, other: compared.append((one, other)) or one == other)
        tokens = read_tokens(
            self.write("".join(f"t{number}:read:{GOOD[number:]}{'0' * number}\n" for number in range(3)))
        )
        for secret, good in ((b"secret", True), (b"secreT", False)):
            compared.clear()
            self.assertIs(tokens.holder(secret) is not None, good)
            self.assertEqual(compared, [(token.digest, hashlib.sha256(secret).digest()) for token in tokens.tokens])

    def test_a_star_allows_everything(self) -> None:
        holder = read_tokens(self.write(f"root:*:{GOOD}")).holder(b"secret")
        assert holder is not None
        self.assertTrue(holder.allows("metrics"))

    def test_all_mistakes_are_told_with_their_lines(self) -> None:
        text = f"ok:read:{GOOD}\nno colons\nx:read:short\nx:fly:{GOOD}\nok:read:{GOOD}\n"
        self.assertEqual(
            self.mistakes(text),
            [":2 not a token", ":3 not a token", ":4 unknown scope fly", " two tokens have one name"],
        )

    def test_a_bad_line_is_not_repeated(self) -> None:
        """It may be the secret itself, in the wrong file."""
        self.assertNotIn("hunter2", "".join(self.mistakes("hunter2")))

    def test_a_file_that_others_can_read_is_refused(self) -> None:
        for mode in (0o644, 0o604, 0o620, 0o666):
            self.assertEqual(self.mistakes(f"ci:read:{GOOD}", mode), [" others can read it or change it"])
        read_tokens(self.write(f"ci:read:{GOOD}", 0o640))

    def test_a_file_that_is_not_there_or_endless_is_refused(self) -> None:
        self.assertRaises(ConfigErrors, read_tokens, os.path.join(self.mktemp(), "none"))
        self.assertIn("longer", self.mistakes("#" * (MAX_FILE + 1))[0])
