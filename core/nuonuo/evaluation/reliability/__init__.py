"""Staying alive: what `nuonuo bench crash`, `soak` and `stores` do to a store, and look at afterwards."""
