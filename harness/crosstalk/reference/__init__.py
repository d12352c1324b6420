"""The embedded broadcaster: the default target and the model answer."""
