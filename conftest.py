"""What this repository's own runs test by default: the embedded reference broadcaster."""

pytest_plugins = ("pytester",)
