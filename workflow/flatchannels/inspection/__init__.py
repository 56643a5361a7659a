"""Is my network in a channel? What stands in the weights of any fully connected network."""
