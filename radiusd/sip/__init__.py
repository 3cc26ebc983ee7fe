"""SIP as RFC 3261 says it, as far as a redirect server needs it: no calls, no money."""
