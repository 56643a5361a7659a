"""What single figures examine: the toy, a relu channel, saddle lines."""
