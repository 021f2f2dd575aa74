"""Return labels that carriers accept, bought from EasyPost."""
