"""How NuoNuo and vector stores behave as memories grow: each measured in a process of its own."""
