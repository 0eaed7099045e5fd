"""push-sender: keeping, submitting, scheduling and judging pushes. How one looks on the wire is in pushsvc.push."""
