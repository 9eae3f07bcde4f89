"""The life of one training: from settings to a finished run directory."""
