"""The reviewer's pages: what people see, and the forms they send. Every act goes through the service."""
