"""From outcomes and live objects to the status: pure functions, no clock but the time given."""
