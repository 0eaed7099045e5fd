"""What Wireshark says of our traffic: `make wire`. Not part of `make test`, since tshark is large."""
