"""A queue as a busy house has it, made quickly, and a real server of it in a process of its own."""
