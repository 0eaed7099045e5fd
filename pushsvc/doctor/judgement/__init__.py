"""What findings mean, and what to do next. Values in, verdicts out; who asks the network is above."""
