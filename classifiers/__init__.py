"""What is in the data: values go in, value-free findings come out. No session, no storage, no policy."""
