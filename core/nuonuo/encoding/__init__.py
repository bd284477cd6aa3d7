"""Text to traces: what is kept of a memory, and what a question becomes before it is asked."""
