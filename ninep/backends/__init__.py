"""File trees that `ninep serve` can export."""
