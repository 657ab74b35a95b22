"""The generic protocol as TOML."""
