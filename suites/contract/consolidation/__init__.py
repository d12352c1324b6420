"""What is owed when one broadcaster takes another's place: `--broadcaster NEW --crosstalk-against OLD`."""
