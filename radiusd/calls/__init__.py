"""What a call is: events, facts, matching, limits, authorization, settlement. Pure: no socket, no database."""
