"""Let pytest explain the assertions of the shared suite."""

import pytest

for name in ("helpers", "contract_names", "contract_nodes", "contract_open"):
    pytest.register_assert_rewrite(f"{__package__}.{name}")
