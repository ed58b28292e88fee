"""Uplinks: two or more routers in memory, or in processes of their own."""
