"""What people read: every report reads the verdict and the history, none computes one."""
