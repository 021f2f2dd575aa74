"""What people ask about orders, kept ready: tables that are a fold over a history and may be thrown away."""
