"""What the users do, and how it is played on a target."""
