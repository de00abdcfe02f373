"""Where models lie: in MongoDB, in a folder, or in S3, all behind one protocol."""
