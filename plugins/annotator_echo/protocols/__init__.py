"""Echo protocols as TOML."""
