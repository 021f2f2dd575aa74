"""Return labels of the shop's own carrier accounts, bought through a Karrio server of its own."""
