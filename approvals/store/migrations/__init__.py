"""The history of the store's tables; each change is a file in `versions`."""
