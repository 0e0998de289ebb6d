"""The read-only SELECTs behind the Tracking tabs, a file per noun: they take an open snapshot and give typed rows."""
