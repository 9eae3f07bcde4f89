"""Results against targets: requests, scores, cards and reports."""
