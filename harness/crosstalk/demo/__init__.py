"""A small agent chat that really serves WebSockets on loopback: what `crosstalk smoke` judges when no URL is given."""
