A push that is answered 300, 301 or 302 goes on to the Contacts of the answer, likeliest first and at most five, in the same attempt; the Warning of a refusal is part of its reason.
