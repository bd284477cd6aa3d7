"""A question put to a namespace. `nuonuo.recall.pipeline` is the page to read first."""
