"""The experiments, a module each; `nuonuo.research.catalogue` knows their names."""
