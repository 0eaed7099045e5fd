A source that floods SIP with what comes to nothing is heard less (`sip.source_rate`, `sip.source_burst`), and others do not notice; `make floods` measures it.
