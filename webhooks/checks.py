"""System checks of this room. Its tables' isolation and partitions are checked with all others, by `integrations`."""
