"""The embedded CRM's schema, step by step. Shipped with the package."""
