"""Training recipes: from clean photographs to weights that ship."""
