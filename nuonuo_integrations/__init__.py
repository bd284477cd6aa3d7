"""NuoNuo inside other frameworks: `nuonuo_integrations.langchain` and `nuonuo_integrations.llama_index`.

This package imports no framework; each subpackage imports only its own, and only when it is used.
"""
