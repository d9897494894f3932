"""Plain functions and small records: inventory, plan, files, metrics, manifest, report."""
