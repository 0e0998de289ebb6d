"""What is done to published data: old partitions dropped, a recipient erased."""
