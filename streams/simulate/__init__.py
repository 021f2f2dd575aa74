"""A shop with a seed: its orders, packing and carriers, the faults it planted, and the truth beside them."""
