"""Short shipment: the detector, and the cases that explain it."""
