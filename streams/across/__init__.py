"""What must be true across orders is granted in one place, by decision id: budgets, a customer's history, the brake."""
