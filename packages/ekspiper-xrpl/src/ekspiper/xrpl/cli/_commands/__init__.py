"""The commands, one module each, with a function (or a group of them) of the same name."""

__all__: list[str] = []
