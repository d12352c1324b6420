"""Plain data: identities, canaries, histories, grammar, guarantees and verdicts."""
