push-sender takes files over HTTP and delivers them by SIP, SDP file transfer and MSRP over TLS; push-receiver puts them into an inbox, whole and once; `make demo` shows it.
