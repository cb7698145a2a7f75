"""The door to the databases: where a store is, how it is opened, how its errors are told."""
