"""What a call is: events, matching, limits, authorization, settlement. Pure: no socket, no database."""
