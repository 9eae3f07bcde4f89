"""What training and inference both compute with: processes, precision, memory, random numbers by name."""
