"""One file a data set: its rows -> Samples."""
