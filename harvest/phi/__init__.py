"""Image features phi(I): what the temporal model sees of a person in a frame. One protocol, one file each."""
