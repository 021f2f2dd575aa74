"""One history under several policies, side by side: what customers would have been told, when, and at what cost."""
