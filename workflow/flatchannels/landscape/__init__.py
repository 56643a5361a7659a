"""The geometry of the loss: channels, saddle lines."""
