"""One exploration algorithm a file, behind the two methods of `crosstalk.schedule.loop.Strategy`."""
