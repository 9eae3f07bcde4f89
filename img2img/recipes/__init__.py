"""What a YAML says: task, method, data and training, and the players built from it."""
