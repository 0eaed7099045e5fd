Every refusal of a push-receiver, in SIP or in MSRP, is one line in its log that says why; requests that cannot be used are told the reason in a Warning.
