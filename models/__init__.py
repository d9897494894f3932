"""Networks and what turns them into restorers of whole scans: arrays in, arrays out."""
