"""What people decide: requests, verdicts, policies, permits and the record of all of it. Knows no agents."""
