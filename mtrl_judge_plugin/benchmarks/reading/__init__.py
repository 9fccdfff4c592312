"""Files of data sets -> rows, pictures and Samples: what all loaders share."""
