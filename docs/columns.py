"""Print the table of manifest columns that docs/destination.md holds.

python docs/columns.py
"""

from tasks.manifest import COLUMNS


def table() -> str:
    """A Markdown table: column, Arrow type, meaning."""
    rows = ["| column | type | meaning |", "|---|---|---|"]
    for name, kind, text in COLUMNS:
        shown = str(kind).replace("|", "\\|")
        shown = shown if len(shown) < 40 else shown.partition("<")[0] + " of structs"
        rows.append(f"| `{name}` | {shown} | {text} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
