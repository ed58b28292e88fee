"""What all tests share: how hypothesis works here.

No example has a deadline, since machines of two cores are busy with other things too. `--hypothesis-profile=deep` takes
its time and looks further.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", deadline=None, max_examples=3000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("usual")
