"""What the control room sees and says."""
