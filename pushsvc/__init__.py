"""Content of any size pushed to SIP users: OMA "Push using SIP" over SIP, SDP and MSRP."""

__version__ = "0.1.0"
