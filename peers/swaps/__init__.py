"""Plugins of pytest that put ours in the place of theirs, before a test of theirs is imported.

Each is a thin stand-in: it takes the arguments that theirs take and hands them to our adapter. What ours
cannot do it does not make up for; such tests fail, and stand in the list of those that do not apply.
"""
