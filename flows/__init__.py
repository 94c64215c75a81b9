"""When, and in what order: Prefect flows that chain agent steps and stop at gates.

Imports nothing at module level: Prefect's server loads the worker's entry point through this package.
"""
