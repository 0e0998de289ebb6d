"""`sillage test-tracking`: a message is sent, opened, clicked and unsubscribed from, and followed to its rows in the tabs."""
