"""Lost: the detector, and the cases that explain it."""
